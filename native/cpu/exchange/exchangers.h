// The exchangers of each operation of exchange stages, which find their route, if they have one, by the first attribute.
#pragma once

#include <deque>
#include <memory>
#include <span>

#include "cpu/exchange/exchange_stage.h"
#include "cpu/exchange/row_route.h"

namespace pairloom {

void fetch_rows(const BoundInstruction& instruction, std::deque<RowRoute>& routes, ExchangeStage& stage);
void tell_rows(const BoundInstruction& instruction, std::deque<RowRoute>& routes, ExchangeStage& stage);
void return_rows(const BoundInstruction& instruction, std::deque<RowRoute>& routes, ExchangeStage& stage);
void fold_rows(const BoundInstruction& instruction, std::deque<RowRoute>& routes, ExchangeStage& stage);
void fold_across(const BoundInstruction& instruction, std::deque<RowRoute>& routes, ExchangeStage& stage);
// Tells owners which rows of the next step this rank looks up.
std::unique_ptr<Exchanger> ask_ahead(RowRoute& route);
// Follows the instructions of a stage that fetch the rows of these routes: brings those that memory does not hold.
void place_rows(std::span<RowRoute* const> routes, ExchangeStage& stage);
void gather_slots(const BoundInstruction& instruction, std::deque<RowRoute>& routes, ExchangeStage& stage);
void gather_rows(const BoundInstruction& instruction, std::deque<RowRoute>& routes, ExchangeStage& stage);
// The rows of an output of `width` numbers a row, of which each rank has its own.
std::unique_ptr<Exchanger> gather_outputs(float* rows, size_t width);

// Lists the keys that lose their rows by the norms of these, of which this rank has some columns: on the last rank that has some.
std::unique_ptr<Exchanger> pass_squares(const Translation& table, const Shard& shard, std::vector<uint64_t>& outdated);

// Keys of this rank, which become the keys of all ranks.
std::unique_ptr<Exchanger> gather_keys(std::vector<uint64_t>& keys);

}  // namespace pairloom
