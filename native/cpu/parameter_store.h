// The numbers of one parameter, in memory owned by the core. JavaScript has a handle and reads and writes ranges, so
// the size is limited by the machine and not by JavaScript's arrays.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "cpu/tables/fill.h"
#include "cpu/tiers/tier.h"
#include "program/program.h"
#include "runtime/mapping.h"
#include "runtime/memory.h"
#include "runtime/request.h"

namespace pairloom {

class ParameterStore {
 public:
  // Zeroed memory of `count` numbers, of which `used` will be touched. Throws Error if memory is insufficient.
  ParameterStore(DType dtype, uint64_t count, uint64_t used);
  ParameterStore(DType dtype, uint64_t count) : ParameterStore(dtype, count, count) {}
  // Maps `in_file` numbers of a file, beginning at byte `offset`; further ones up to `count` belong to rows that do not
  // exist and take no memory. Writes are refused. Throws Error.
  ParameterStore(DType dtype, uint64_t count, const std::string& path, uint64_t offset, uint64_t in_file);
  // A column of a table that memory does not hold as a whole.
  ParameterStore(std::shared_ptr<Tier> tier, size_t column);
  ~ParameterStore();
  ParameterStore(const ParameterStore&) = delete;
  ParameterStore& operator=(const ParameterStore&) = delete;

  DType dtype() const { return dtype_; }
  uint64_t count() const { return count_; }
  // Bytes of memory owned by this process only.
  uint64_t own_bytes() const { return used_ * width(); }
  ParameterMemory memory();

  // Numbers [from, from + count), in the store's format. Both throw Error for a range outside.
  void read(uint64_t from, uint64_t count, void* into) const;
  void write(uint64_t from, uint64_t count, const void* values);
  // Numbers [from, from + count) of the matrix of these rows, each of `width` numbers, in this order. Throws Error for
  // a row outside.
  template <class Row>
  void gather(std::span<const Row> rows, uint64_t width, uint64_t from, uint64_t count, void* into) const;
  // Writes rows of `width` numbers, which ascend. Throws Error for a row outside.
  template <class Row>
  void scatter(std::span<const Row> rows, uint64_t width, const void* values);
  // Copies all numbers of another store with the same dtype and size; neither of them is a column of a tier.
  void copy_from(const ParameterStore& source);

  // Records from now on which rows of `width` numbers are updated, for executables that are bound later. Each of the 8
  // bits of a row's byte belongs to another consumer. Throws Error if memory is insufficient.
  void track_changes(uint64_t width);
  // Gives the memory of the numbers from `first` on back, which nobody uses now.
  void release(uint64_t first);
  // A byte per row; null if changes are not recorded. A tier sets those of its rows itself.
  uint8_t* changed() const { return changed_.data(); }
  void mark_changed(uint64_t row) {
    if (changed() != nullptr) changed_[row] = 0xff;
  }
  // Throws Error for rows outside, and if changes are not recorded.
  void read_changes(uint64_t from, uint64_t count, void* into) const;
  void clear_changes(uint32_t consumer);

  // Whose column this is; null: the store has all numbers in its own memory.
  const std::shared_ptr<Tier>& tier() const { return tier_; }
  size_t column() const { return column_; }

  // Fills it with initial values. Zeros in a new store cost nothing: its pages get memory when they are first used.
  void fill(const Fill& spec, uint32_t threads);
  // Of the rows of a shard: each has the values that it has in the whole table, of `width` numbers a row.
  void fill(const Fill& spec, const Shard& shard, uint64_t width, uint32_t threads);

 private:
  size_t width() const;  // bytes per number
  uint64_t bytes() const { return count_ * width(); }
  void check_row(uint64_t row, uint64_t rows) const;
  char* row_at(uint64_t row, uint64_t bytes) const;
  void check_range(uint64_t from, uint64_t count) const;
  char* range(uint64_t from, uint64_t count) const;
  void begin_writing();  // refuses a mapped file

  const DType dtype_;
  const uint64_t count_;
  std::optional<Mapping> mapping_;
  const std::shared_ptr<Tier> tier_;
  const size_t column_ = 0;  // of the tier
  const uint64_t used_ = 0;  // numbers in memory of its own
  Block<char> own_;
  void* data_;
  Block<uint8_t> changed_;
  bool new_ = true;  // nobody has written to the memory, or got it to write to
};

}  // namespace pairloom
