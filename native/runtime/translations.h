// The translations of the core.
#pragma once

#include <memory>
#include <string>

#include "runtime/translation.h"

namespace pairloom {

// Id i has row `rows[i]`; training changes nothing. Throws Error unless `rows` is a permutation.
std::unique_ptr<Translation> make_permutation(std::vector<int64_t> rows);

// Ids get the rows 1, 2, ... in the order in which training meets them; row 0 is for the ids that have none. A table
// that is full refuses the step that has a new id. There is no forgetting.
std::unique_ptr<Translation> make_first_come(uint64_t rows);

}  // namespace pairloom
