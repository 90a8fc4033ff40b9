// The way of a table's rows from their owners to the ranks that look them up, and of their gradients back. Where every rank
// has all rows, only gradients travel: to the owners, who add them up, and from there to all.
#pragma once

#include <cstring>
#include <optional>
#include <vector>

#include "cpu/bound.h"
#include "cpu/exchange/received_sums.h"
#include "cpu/exchange/table_places.h"
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
  uint32_t ranks() const { return uint32_t(asked_.size()); }

  // Whether gradients return.
  bool returns() const { return returned_ > 0; }
  // The operands that read the rows which owners have sent.
  void add_reader(View& view) { readers_.push_back(&view); }
  void set_rows(float* rows) {
    for (View* reader : readers_) reader->base = rows;
  }

  // As the rank that looks up: lists the rows that the ids of its samples name, each once, and replaces the ids by
  // indices into this list. The rows of an owner are neighbours.
  void list(const BoundInstruction& instruction, const StepContext& step);

  // A row that this rank looks up: its place in the table, and the nodes of this rank's groups (bit n: node n) in which
  // it gets a gradient.
  struct Unique {
    uint64_t place;
    uint32_t nodes;
  };
  struct Range {
    uint32_t begin, end;
    uint32_t size() const { return end - begin; }
  };
  const std::vector<Unique>& unique() const { return unique_; }
  Range asked_of(uint32_t owner) const { return owned_[owner]; }
  uint32_t sums_for(uint32_t owner) const { return sums_for_[owner]; }
  // Whether a rank must tell in which of its nodes a row gets a gradient: otherwise each has one, in the only node.
  bool tells_nodes(const StepContext& step, uint32_t rank) const;
  // The sum of some columns of a row's gradients over the groups of a node: of the samples' gradients in the pairs of
  // returnRows.
  void sum(const BoundInstruction& return_rows, const StepContext& step, uint32_t unique, FoldNode node,
           const ColumnRange& columns, std::vector<TreeTerm>& terms, float* to) const;
  void prefetch_sum(const BoundInstruction& return_rows, const StepContext& step, uint32_t unique) const;
  // As owner and asker in one: the gradients of the rows that this rank looks up in its own shard.
  void add_own(const BoundInstruction& return_rows, const StepContext& step, ReceivedSums& to) const;

  // As the owner: what a rank asks for.
  struct Asked {
    uint32_t count = 0, sums = 0;
    std::vector<uint64_t> rows;    // of the shard
    std::vector<uint32_t> nodes;
  };
  std::vector<Asked>& asked() { return asked_; }
  // The rows of this rank that get a gradient on any rank, in the order in which ranks ask for them, also if several do.
  void list_updated(std::vector<uint64_t>& rows) const;
  // The bytes of a place in messages, little-endian: the lower half, if that is enough.
  size_t id_bytes() const { return id_bytes_; }
  void write_place(uint64_t place, char* to) const { std::memcpy(to, &place, id_bytes_); }
  uint64_t read_place(const char* from) const {
    uint64_t place = 0;
    std::memcpy(&place, from, id_bytes_);
    return place;
  }
  ReceivedSums& received() { return received_; }

 private:
  struct Occurrence {
    uint32_t column, sample, at, group;  // `at`: position in the bag
  };

  template <class Key>
  void list_unique();
  void collect(const BoundInstruction& instruction, const StepContext& step);
  template <class Id>
  void collect_samples(const View& ids, uint32_t column, uint32_t begin, uint32_t end, uint32_t group);
  void write_columns(const BoundInstruction& instruction, const StepContext& step);
  void find_nodes(const std::vector<FoldNode>& nodes);
  void find_owners();
  bool has_gradient(const Occurrence& occurrence) const { return occurrence.column < returned_; }
  struct Gradient {
    const float* data;
    float scale;
  };
  static Gradient gradient_of(const BoundInstruction& return_rows, const StepContext& step,
                              const Occurrence& occurrence);

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

  std::vector<Occurrence> occurrences_;
  std::vector<uint64_t> places_;   // of the occurrences
  std::vector<int32_t> local_;     // their indices in the list of unique rows
  std::vector<uint32_t> sorted_;   // the occurrences, by place
  std::vector<uint32_t> begin_;    // by unique row: its first occurrence in `sorted_`
  std::vector<Unique> unique_;
  std::vector<Range> owned_;  // by owner
  std::vector<uint32_t> sums_for_;
  SortKeys<uint64_t> narrow_;
  SortKeys<WideKey> wide_;

  std::vector<Asked> asked_;
  ReceivedSums received_;
};

}  // namespace pairloom
