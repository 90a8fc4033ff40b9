// A program bound to memory, and the state that its instructions see while they run.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <deque>
#include <vector>

#include "cpu/entries.h"
#include "cpu/exchange/received_sums.h"
#include "cpu/fold_tree.h"
#include "cpu/kernels/kernels.h"
#include "cpu/loader.h"
#include "cpu/row_scratch.h"
#include "cpu/tables/format.h"
#include "program/program.h"
#include "program/rule.h"
#include "runtime/memory.h"
#include "runtime/table_layout.h"
#include "runtime/translation.h"

namespace pairloom {

// An operand in memory. In spaces with one copy, `base` points to it; tile and partial views have an offset into the
// arena of the thread or group. A view without rows has stride 0, so that kernels can read it for every row. `base`
// also points to ids, bags and 16-bit numbers.
struct View {
  Space space;
  DType dtype;
  float* base;
  size_t offset;
  size_t stride;
  size_t size;
  uint32_t ndims;
  size_t dims[3];
  // Of entries, whose memory grows: their sequence, and where the view begins in a line of the buffer at `offset`.
  uint32_t sequence = 0;
  size_t column = 0;

  ConstTable table() const { return {base, table_format(dtype)}; }
};

// The bags of all rows, for a view whose memory is at `base`.
inline const Bag* bags_of(const View& view) { return reinterpret_cast<const Bag*>(view.base); }

// Of the rows [begin, end) of the batch.
inline size_t count_ids(const View& ids, uint32_t begin, uint32_t end) {
  if (!is_bag(ids.dtype)) return end - begin;
  size_t count = 0;
  for (uint32_t row = begin; row < end; ++row) count += bags_of(ids)[row].count;
  return count;
}

struct CpuOperation;
class RowRoute;
class WholeRows;
class Translator;

struct BoundInstruction {
  const Instruction* source;
  const Rule* rule;
  const CpuOperation* operation;
  std::vector<View> views;
  TableLayout table{};            // if the rule's execution is kTable
  const RowNames* names = nullptr;  // of the table's rows; null: their numbers
  const ReceivedSums* received = nullptr;  // the gradients of a shard's rows, in place of pairs
  ColumnRange columns{};          // of the table: those that are updated
  ColumnRange gradients{};        // those whose gradients that needs, or measures
  size_t skipped = 0;             // numbers before these in `received`
  const WholeRows* whole = nullptr;  // what ranks with other columns have told, if the update needs it
  uint8_t* changed = nullptr;     // of the table: ParameterMemory::changed
  const float* packed = nullptr;  // the packed weight, if the operation uses one

  double attribute(size_t index) const { return source->attributes[index]; }
};

// The partial results of the groups of a node, and the rows of these.
struct PartialSums {
  FoldNode node;
  const float* data;
  uint32_t rows;
};

// State shared by all instructions of a step. Rows are counted from the first of the batch, which the ranks share.
struct StepContext {
  const KernelTable* kernels;
  uint32_t rows;           // of this batch
  uint32_t tiles, groups;  // of this batch
  uint32_t tile_rows;
  uint32_t rank = 0, ranks = 1;
  std::vector<std::vector<FoldNode>> nodes;  // by rank: of its groups, as whole_nodes; where there are other ranks
  std::vector<PartialSums> sums;  // the sums of the groups, in the order of their rows
  uint64_t step, seed;
  uint64_t first_position;  // of the batch in the epoch
  uint64_t rows_left;       // of this run, after the batch
  bool asked_ahead = false;  // owners know from the step before which rows ranks look up
  Loader* loader;
  Translator* translators;  // in program order
  std::deque<RowRoute>* routes;  // likewise
  SequenceEntries* entries;      // by sequence

  // The lines of the entries of a row and of those after it, in the memory of the batch.
  Rows entries_of(const View& view, uint32_t row) const {
    const SequenceEntries& sequence = entries[view.sequence];
    return {sequence.buffer(view.offset) + view.column + sequence.before(row) * view.stride, view.stride};
  }
  uint32_t count_of(const View& view, uint32_t row) const { return entries[view.sequence].count(row); }

  // The groups of a rank: equal shares of the batch's, in the order of ranks.
  Leaves groups_of(uint32_t of_rank) const {
    const auto first = [&](uint64_t r) { return uint32_t(r * groups / ranks); };
    return {first(of_rank), first(of_rank + uint64_t{1})};
  }
  Leaves own_groups() const { return groups_of(rank); }
  const std::vector<FoldNode>& nodes_of(uint32_t of_rank) const { return nodes[of_rank]; }
  uint32_t own_begin() const { return first_row(own_groups().begin); }
  uint32_t own_end() const { return first_row(own_groups().end); }
  // Rows of the groups of a node.
  uint32_t rows_of(FoldNode node) const {
    const auto begin_of = [&](uint64_t index) {
      return first_row(uint32_t(std::min<uint64_t>(index << node.level, groups)));
    };
    return begin_of(node.index + uint64_t{1}) - begin_of(node.index);
  }

  // Group g owns the tiles [first_tile(g), first_tile(g + 1)).
  uint32_t first_tile(uint32_t group) const { return uint32_t(uint64_t{group} * tiles / groups); }
  uint32_t first_row(uint32_t group) const {
    const uint64_t row = uint64_t{first_tile(group)} * tile_rows;
    return row < rows ? uint32_t(row) : rows;
  }
};

// State owned by one thread.
struct Worker {
  const StepContext* step = nullptr;
  Arena tile;
  std::vector<TileEntries> entries;   // of the current tile, by sequence
  Arena scratch;                      // for the current instruction, which leaves nothing in it
  Arena reduction;                    // for outputs of a reduction that are added to others: see reduce.h
  std::vector<float> lines;           // values of the entries of a row, likewise
  std::vector<uint64_t> source_rows;  // for the current tile: the position of each row in the columns
  TableScratch table;
  std::vector<uint64_t> nanoseconds;  // per instruction, while profiling
  uint64_t folding = 0;               // for partial results, likewise
};

// Where part `index` of `count` things begins, if they are in `parts` parts of nearly the same size.
template <class Count>
Count part_begin(Count count, uint32_t index, uint32_t parts) {
  return Count(uint64_t{count} * index / parts);
}

// Rows of the batch, or entries of a sequence in these, that pass through a stage together.
struct Tile {
  const StepContext& step;
  const KernelTable& kernels;
  Worker& worker;        // of the thread
  float* memory;         // tile buffers: those of `worker`, unless it helps another
  float* partials;       // of the group
  uint32_t first, rows;  // within the batch
  uint32_t seen;         // rows already in the partial results; new results are added
  uint32_t skipped = 0;  // preceding rows of the thread's tile, if this is a part of it
  const SequenceEntries* entries = nullptr;  // of the sequence whose entries these are; null: rows
  const TileEntries* lines = nullptr;  // by sequence, where `memory` is
  uint32_t shared = 0, shares = 1;  // which part of the result, of how many: see Sharing::kResult

  float* at(const View& view) const {
    switch (view.space) {
      case Space::kTile: return memory + view.offset + size_t{skipped} * view.stride;
      case Space::kPartial: return partials + view.offset;
      case Space::kBatch: return view.base + size_t{first} * view.stride;
      case Space::kEntries: return entries->buffer(view.offset) + view.column + size_t{first} * view.stride;
      case Space::kTileEntries: return line(view, first);
      default: return view.base;
    }
  }
  // Of an entry of the batch, in the memory of the tile.
  float* line(const View& view, uint32_t entry) const {
    return lines[view.sequence].line(view.offset, view.stride, entry) + view.column;
  }
  // The lines of the entries of a row and of those after it.
  Rows entries_of(const View& view, uint32_t row) const {
    if (view.space == Space::kEntries) return step.entries_of(view, row);
    return {line(view, step.entries[view.sequence].before(row)), view.stride};
  }
  ConstRows in(const View& view) const { return {at(view), view.stride}; }
  Rows out(const View& view) const { return {at(view), view.stride}; }
  // `count` rows of this tile, beginning at row `from`.
  Tile part(uint32_t from, uint32_t count) const { return part(from, count, worker); }
  Tile part(uint32_t from, uint32_t count, Worker& thread) const {
    return {step, kernels, thread, memory, partials, first + from, count, seen, skipped + from, entries, lines};
  }
  // All rows, for one of equal parts of a result.
  Tile share(uint32_t index, uint32_t of, Worker& thread) const {
    return {step, kernels, thread, memory, partials, first, rows, seen, skipped, entries, lines, index, of};
  }
};

// A part of a fixed instruction: elements [begin, end) (of pair `part`), rows [begin, end) of a table, or, if `parts` >
// 1, the rows of a table that hash to `part`.
struct FixedJob {
  uint32_t instruction;
  uint32_t part, parts;
  size_t begin, end;
};

inline uint64_t now_ns() {
  return uint64_t(std::chrono::steady_clock::now().time_since_epoch() / std::chrono::nanoseconds(1));
}

}  // namespace pairloom
