// A table of which memory has only those rows that training has met, for scoring: the others have their initial values.
#pragma once

#include <memory>
#include <vector>

#include "cpu/parameter_store.h"
#include "cpu/tables/quantize.h"

namespace pairloom {

class StoredRows : public RowFrames {
 public:
  // Memory with the numbers of the stored rows one after the other, and addresses for as many rows as the table has.
  struct Column {
    std::shared_ptr<ParameterStore> store;
    uint64_t width;
    Fill init;
    Quantized as;  // no bits: rows of numbers; else `width` words of 4 bytes
  };

  // `stored`: the numbers of the rows, ascending and below `rows`. Throws Error otherwise.
  StoredRows(uint64_t rows, std::span<const uint64_t> stored, std::vector<Column> columns);

  const RowNames* names() const override { return nullptr; }
  // Other rows are drawn behind the stored ones, where they are until the next call.
  void place(std::span<uint64_t> rows, bool trains) override;
  void prefetch(uint32_t, std::function<void(std::vector<uint64_t>&)>) override {}
  void wait() override {}

 private:
  static constexpr uint64_t kBits = 512;  // of a cache line

  bool is_stored(uint64_t row) const { return (bits_[row / 64] >> (row % 64)) & 1; }
  uint64_t position_of(uint64_t row) const;
  void draw(const Column& column, uint64_t row, uint64_t position);

  const uint64_t count_;  // stored rows
  const std::vector<Column> columns_;
  Block<uint64_t> bits_;    // by row: whether it is stored
  Block<uint64_t> before_;  // stored rows before each kBits rows
  std::vector<float> numbers_;  // of a row before it is quantized
};

}  // namespace pairloom
