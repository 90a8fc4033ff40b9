// One exchanger for each operation of exchange stages. `route` is that of its first attribute, null for an operation
// without one.
#pragma once

#include <memory>

#include "cpu/exchange/exchanger.h"
#include "cpu/exchange/row_route.h"

namespace pairloom {

std::unique_ptr<Exchanger> fetch_rows(const BoundInstruction& instruction, RowRoute* route);
std::unique_ptr<Exchanger> return_rows(const BoundInstruction& instruction, RowRoute* route);
std::unique_ptr<Exchanger> fold_across(const BoundInstruction& instruction, RowRoute* route);
std::unique_ptr<Exchanger> gather_slots(const BoundInstruction& instruction, RowRoute* route);
std::unique_ptr<Exchanger> gather_rows(const BoundInstruction& instruction, RowRoute* route);
// The rows of an output of `width` numbers a row, of which each rank has its own.
std::unique_ptr<Exchanger> gather_outputs(float* rows, size_t width);

}  // namespace pairloom
