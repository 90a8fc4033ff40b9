// The rows of a table that the samples of a step name, each once.
#pragma once

#include <span>
#include <vector>

#include "cpu/bound.h"
#include "cpu/exchange/table_places.h"

namespace pairloom {

class RowList {
 public:
  // `columns` of ids; the gradients of the first `returned` ones return to the owners of rows.
  RowList(const TablePlaces& table, uint32_t columns, uint32_t returned, uint32_t ranks)
      : table_(table), columns_(columns), returned_(returned), owned_(ranks), sums_for_(ranks), asked_(ranks) {}

  // As the rank that looks up: lists the rows that the ids of its samples name. Those of an owner are neighbours.
  void list(std::span<const View> ids, const StepContext& step);
  // Replaces the ids by indices into this list.
  void write_indices(std::span<const View> ids, std::span<const View> indices, const StepContext& step);

  // A row: its place in the table, and the nodes of this rank's groups (bit n: node n) in which it gets a gradient.
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

  // Where samples name a row.
  struct Occurrence {
    uint32_t column, sample, at, group;  // `at`: position in the bag
  };
  bool has_gradient(const Occurrence& occurrence) const { return occurrence.column < returned_; }
  // Of a row, in the order in which the format sums gradients.
  std::span<const Occurrence> occurrences(uint32_t unique) const {
    return std::span(by_place_).subspan(begin_[unique], begin_[unique + 1] - begin_[unique]);
  }

  // As the owner: what a rank asks for.
  struct Asked {
    uint32_t count = 0, sums = 0;
    std::vector<uint64_t> rows;    // of the shard
    std::vector<uint32_t> nodes;
    bool refused = false;  // what it asks for cannot be
  };
  std::vector<Asked>& asked() { return asked_; }
  const std::vector<Asked>& asked() const { return asked_; }

 private:
  template <class Key>
  void list_by(SortKeys<Key>& memory, std::span<const View> ids, const StepContext& step);
  template <class Key>
  size_t collect(SortKeys<Key>& memory, std::span<const View> ids, const StepContext& step);
  template <class Key>
  void list_unique(const Key* sorted, size_t count);
  bool is_in_every_node(const std::vector<FoldNode>& nodes) const { return nodes.size() == 1 && returned_ == columns_; }
  void find_nodes(const std::vector<FoldNode>& nodes);
  void find_owners(const std::vector<FoldNode>& nodes);

  const TablePlaces& table_;
  const uint32_t columns_, returned_;
  std::vector<Occurrence> found_;     // in the order of groups, columns, samples, positions in bags
  std::vector<int32_t> local_;        // likewise: their indices in the list of unique rows
  std::vector<Occurrence> by_place_;  // the same: what is read later is read in this order
  std::vector<uint32_t> begin_;       // by unique row: its first one in `by_place_`
  std::vector<Unique> unique_;
  std::vector<Range> owned_;  // by owner
  std::vector<uint32_t> sums_for_;
  SortKeys<uint64_t> narrow_;
  SortKeys<WideKey> wide_;
  std::vector<Asked> asked_;
};

}  // namespace pairloom
