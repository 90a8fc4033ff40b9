// The translations of the core.
#pragma once

#include <memory>
#include <string>

#include "runtime/translation.h"

namespace pairloom {

// Id i has row `rows[i]`; training changes nothing. Throws Error unless `rows` is a permutation.
std::unique_ptr<Translation> make_permutation(std::vector<int64_t> rows);

// Ids get the rows 1, 2, ... in the order in which training first sees them; row 0 is for ids without a row. When the
// table is full, a step with a new id fails. Rows are never freed.
std::unique_ptr<Translation> make_first_come(uint64_t rows);

// Id i has row i / by, or i % by, below `rows`; training changes nothing.
std::unique_ptr<Translation> make_quotient(uint64_t by, uint64_t rows);
std::unique_ptr<Translation> make_remainder(uint64_t by, uint64_t rows);

}  // namespace pairloom
