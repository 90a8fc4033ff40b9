// Parameters whose rows belong to the keys of a dynamic table.
#pragma once

#include <memory>

#include "cpu/parameter_store.h"
#include "runtime/dynamic/row_memory.h"

namespace pairloom {

struct AttachedRows {
  ColumnRange columns;  // of the rows, those that the memory has
  Fill init;       // of the rows of keys
  bool weights;    // not optimizer state
};

// Gives row 0 its initial values now: `unknown`, with the draws of a row without a name. Throws Error if the store does
// not have `rows` rows of these columns.
std::unique_ptr<RowMemory> attach_rows(std::shared_ptr<ParameterStore> store, uint64_t rows,
                                       const AttachedRows& attached, const Fill& unknown);

}  // namespace pairloom
