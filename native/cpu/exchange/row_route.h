// The way of a table's rows from their owners to the ranks that look them up, and of their gradients back. Where every rank
// has all rows, only gradients travel: to the owners, who add them up, and from there to all.
#pragma once

#include <array>
#include <cstring>
#include <optional>
#include <vector>

#include "cpu/bound.h"
#include "cpu/exchange/received_sums.h"
#include "cpu/exchange/row_list.h"
#include "cpu/exchange/whole_rows.h"
#include "runtime/slot_map.h"

namespace pairloom {

class RowRoute {
 public:
  // `unique_rows`: the instruction that lists the rows. `translator`: that gives them to ids; null: they are the ids.
  RowRoute(const Instruction& unique_rows, uint32_t rank, uint32_t ranks, Translator* translator);
  RowRoute(const RowRoute&) = delete;  // its names point to its shard

  const Shard& shard() const { return shard_; }
  const TablePlaces& places_of_table() const { return table_; }
  // Rows of the table's memory on this rank.
  uint64_t rows_here() const { return copies_ ? shard_.map.rows : table_.own_rows(); }
  // The columns that a rank has of them, and those whose sums it gets, of rows of `width` numbers.
  ColumnRange columns_of(uint32_t rank, uint64_t width) const { return shard_.map.columns_of(rank, width); }
  ColumnRange sums_of(uint32_t rank, uint64_t width) const {
    return whole_sums_ ? ColumnRange{0, width, width} : columns_of(rank, width);
  }
  // Ranks that have some columns get the sums of whole rows all the same.
  void return_whole_sums() { whole_sums_ = true; }
  // They tell each other their columns, of rows of this width; null: they do not.
  WholeRows& tell_rows(uint64_t width) { return whole_rows_.emplace(shard_.map, shard_.rank, width); }
  WholeRows* whole_rows() { return whole_rows_ ? &*whole_rows_ : nullptr; }
  // Of the rows that this rank updates: frames, if its memory does not hold all of its rows. Null: a row is its own name.
  const RowNames* names() const;
  Translator* translator() const { return translator_; }
  // The rows of the table that this rank has, as rows of its shard.
  void keep_own(std::vector<uint64_t>& rows) const;
  uint32_t ranks() const { return ranks_; }

  // Whether gradients return.
  bool returns() const { return returned_ > 0; }
  // The operands that read the rows which owners have sent.
  void add_reader(View& view) { readers_.push_back(&view); }
  void set_rows(float* rows) {
    for (View* reader : readers_) reader->base = rows;
  }

  // As the rank that looks up: lists the rows that the ids of its samples name, if that has not been done in the step
  // before, and replaces the ids by indices into this list.
  void list(const BoundInstruction& unique_rows, const StepContext& step);
  // Of this step, and of the next one, in which this becomes that of the step.
  RowList& now() { return lists_[now_]; }
  const RowList& now() const { return lists_[now_]; }
  RowList& next() { return lists_[1 - now_]; }
  void advance() { now_ = 1 - now_; }

  // Whether a rank must tell in which of its nodes a row gets a gradient: otherwise each has one, in the only node.
  bool tells_nodes(const StepContext& step, uint32_t rank) const;
  // The sum of some columns of a row's gradients over the groups of a node: of the samples' gradients in the pairs of
  // returnRows.
  void sum(const BoundInstruction& return_rows, const StepContext& step, uint32_t unique, FoldNode node,
           const ColumnRange& columns, std::vector<TreeTerm>& terms, float* to) const;
  void prefetch_sum(const BoundInstruction& return_rows, const StepContext& step, uint32_t unique) const;
  // As owner and asker in one: the gradients of the rows that this rank looks up in its own shard.
  void add_own(const BoundInstruction& return_rows, const StepContext& step, ReceivedSums& to) const;

  // The rows of this rank that get a gradient on any rank, in the order in which ranks ask for them, also if several do.
  void list_updated(std::vector<uint64_t>& rows) const;
  // The bytes of a place in messages, little-endian: the lower half, if that is enough.
  size_t id_bytes() const { return id_bytes_; }
  void write_place(uint64_t place, char* to) const {
    if (id_bytes_ == sizeof(uint64_t)) return void(std::memcpy(to, &place, sizeof place));
    const uint32_t narrow = uint32_t(place);
    std::memcpy(to, &narrow, sizeof narrow);
  }
  uint64_t read_place(const char* from) const {
    uint64_t place = 0;
    if (id_bytes_ == sizeof(uint64_t)) std::memcpy(&place, from, sizeof place);
    else std::memcpy(&place, from, sizeof(uint32_t));
    return place;
  }
  ReceivedSums& received() { return received_; }

 private:
  struct Gradient {
    const float* data;
    float scale;
  };
  static Gradient gradient_of(const BoundInstruction& return_rows, const StepContext& step,
                              const RowList::Occurrence& occurrence);

  const Shard shard_;
  const bool copies_;
  const size_t id_bytes_;
  Translator* const translator_;
  const TablePlaces table_;
  const RowNames names_;
  const uint32_t columns_, returned_;  // columns of ids; the gradients of the first ones return
  bool whole_sums_ = false;
  std::optional<WholeRows> whole_rows_;

  std::vector<View*> readers_;

  const uint32_t ranks_;
  std::array<RowList, 2> lists_;
  uint32_t now_ = 0;
  ReceivedSums received_;
};

}  // namespace pairloom
