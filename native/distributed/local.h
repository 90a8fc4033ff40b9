// Ranks that are threads of one process, for tests and simulations.
#pragma once

#include <memory>

#include "distributed/communicator.h"

namespace pairloom {

// One for each rank, to be used by a thread of its own. A call that the other ranks do not answer for a minute, or
// answer with another call or with blocks of other sizes, throws Error on every rank.
std::vector<std::shared_ptr<Communicator>> local_communicators(uint32_t size);

}  // namespace pairloom
