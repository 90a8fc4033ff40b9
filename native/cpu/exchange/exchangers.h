// One exchanger for each operation of exchange stages, which finds its route, if it has one, by its first attribute.
#pragma once

#include <deque>
#include <memory>

#include "cpu/exchange/exchanger.h"
#include "cpu/exchange/row_route.h"

namespace pairloom {

std::unique_ptr<Exchanger> fetch_rows(const BoundInstruction& instruction, std::deque<RowRoute>& routes);
std::unique_ptr<Exchanger> return_rows(const BoundInstruction& instruction, std::deque<RowRoute>& routes);
std::unique_ptr<Exchanger> fold_across(const BoundInstruction& instruction, std::deque<RowRoute>& routes);
std::unique_ptr<Exchanger> gather_slots(const BoundInstruction& instruction, std::deque<RowRoute>& routes);
std::unique_ptr<Exchanger> gather_rows(const BoundInstruction& instruction, std::deque<RowRoute>& routes);
// The rows of an output of `width` numbers a row, of which each rank has its own.
std::unique_ptr<Exchanger> gather_outputs(float* rows, size_t width);

// Keys of this rank, which become the keys of all ranks.
std::unique_ptr<Exchanger> gather_keys(std::vector<uint64_t>& keys);

}  // namespace pairloom
