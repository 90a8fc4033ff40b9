#include "cpu/tiers/stored_rows.h"

#include <algorithm>
#include <bit>

#include "program/error.h"
#include "runtime/random.h"

namespace pairloom {

StoredRows::StoredRows(uint64_t rows, std::span<const uint64_t> stored, std::vector<Column> columns)
    : count_(stored.size()), columns_(std::move(columns)), bits_((rows / kBits + 1) * kBits / 64), before_(rows / kBits + 1) {
  for (size_t i = 0; i < stored.size(); ++i) {
    if (stored[i] >= rows || (i > 0 && stored[i] <= stored[i - 1])) {
      throw Error({"the numbers of stored rows are wrong", "", "row " + std::to_string(stored[i]),
                   "ascending numbers below " + std::to_string(rows), ""});
    }
    bits_[stored[i] / 64] |= uint64_t{1} << (stored[i] % 64);
    if (stored[i] / kBits + 1 < before_.size()) ++before_[stored[i] / kBits + 1];
  }
  for (size_t i = 1; i < before_.size(); ++i) before_[i] += before_[i - 1];
}

uint64_t StoredRows::position_of(uint64_t row) const {
  uint64_t position = before_[row / kBits];
  for (uint64_t word = row / kBits * (kBits / 64); word < row / 64; ++word) position += uint64_t(std::popcount(bits_[word]));
  return position + uint64_t(std::popcount(bits_[row / 64] & ((uint64_t{1} << (row % 64)) - 1)));
}

void StoredRows::place(std::span<uint64_t> rows, bool trains) {
  if (trains) throw Error({"rows of a checkpoint cannot be trained", "", "", "a table in memory or in a tier", ""});
  std::vector<uint64_t> others;
  for (const uint64_t row : rows) {
    if (!is_stored(row)) others.push_back(row);
  }
  std::sort(others.begin(), others.end());
  others.erase(std::unique(others.begin(), others.end()), others.end());
  for (size_t i = 0; i < others.size(); ++i) {
    for (const Column& column : columns_) draw(column, others[i], count_ + i);
  }
  for (uint64_t& row : rows) {
    if (is_stored(row)) row = position_of(row);
    else row = count_ + uint64_t(std::lower_bound(others.begin(), others.end(), row) - others.begin());
  }
}

void StoredRows::draw(const Column& column, uint64_t row, uint64_t position) {
  const auto& [store, width, init, as] = column;
  const uint64_t numbers = as.bits == 0 ? width : as.dim;
  const RowDraws draws = row_draws(random_key(init.seed, init.stream, 0), row, numbers);
  char* const to = static_cast<char*>(store->memory().data) + position * width * bytes_of(store->dtype());
  if (as.bits == 0) return fill_row(to, store->dtype(), width, init, draws);
  numbers_.resize(as.dim);
  fill_row(numbers_.data(), DType::kFp32, as.dim, init, draws);
  quantize_row(numbers_.data(), as, to);
}

}  // namespace pairloom
