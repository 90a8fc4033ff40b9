// Measures how fast ranks exchange bytes.
#pragma once

#include "distributed/communicator.h"

namespace pairloom {

// Seconds in which this rank sends `bytes` to each other rank and receives as many: the median of several exchanges.
// All ranks call it together.
double measure_exchange(Communicator& ranks, uint64_t bytes, uint32_t repeats);

}  // namespace pairloom
