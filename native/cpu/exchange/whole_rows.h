// Whole rows of a table of which ranks have some columns each, for updates that need them: before it updates rows, each rank tells
// the others that have the same rows its columns of the weights, and of those states that the update needs.
#pragma once

#include <utility>
#include <vector>

#include "cpu/bound.h"
#include "runtime/slot_map.h"

namespace pairloom {

class WholeRows {
 public:
  WholeRows(const SlotMap& map, uint32_t rank, uint64_t width) : map_(map), rank_(rank), width_(width), parts_(map.columns) {}

  // The weights, then the states, in order. Of those that are not told, a rank knows its own columns only.
  void add(const View& own, bool told) { matrices_.push_back({own, told && own.ndims == 2}); }
  // All rows of this rank are updated in every step.
  void list_every_row(uint64_t rows);

  // The rows that a step updates, in an order that is the same on all ranks that have them; some may occur more often.
  void list(const std::vector<uint64_t>& rows);
  // What a rank tells each of the other ranks that have the same rows. Multiples of 4.
  uint64_t message_bytes(uint32_t rank) const;
  bool have_same_rows(uint32_t rank) const { return map_.first_of_share(rank) == map_.first_of_share(rank_); }
  void pack(char* to) const;
  // What another one has told. It stays in its place until the rows are updated.
  void take(uint32_t rank, const char* bytes) { parts_[part_of(rank)] = bytes; }

  uint64_t width() const { return width_; }
  ColumnRange own() const { return map_.columns_of(rank_, width_); }
  size_t matrices() const { return matrices_.size(); }
  // All ranks have a state of one number for each row.
  bool is_divided(size_t matrix) const { return matrices_[matrix].own.ndims == 2; }
  // The place of a listed row among those that are told.
  size_t place_of(uint64_t row) const;
  // The columns of the other ranks, at `place`, to their place in a whole row: zeros where they are not told.
  void read_others(size_t matrix, size_t place, const KernelTable& kernels, float* row) const;

 private:
  struct Matrix {
    View own;
    bool told;
  };

  uint32_t part_of(uint32_t rank) const { return rank - map_.first_of_share(rank); }
  // A row of a rank's columns in a message.
  uint64_t row_bytes(const Matrix& matrix, uint32_t rank) const;

  const SlotMap map_;
  const uint32_t rank_;
  const uint64_t width_;
  std::vector<Matrix> matrices_;
  std::vector<uint64_t> rows_;
  std::vector<std::pair<uint64_t, uint32_t>> sorted_;  // the rows in ascending order, each with its place in `rows_`
  bool every_row_ = false;
  std::vector<uint32_t> places_;
  std::vector<const char*> parts_;  // of the ranks that have the same rows
};

}  // namespace pairloom
