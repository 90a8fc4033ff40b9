#include "cpu/exchange/whole_rows.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "cpu/tables/format.h"

namespace pairloom {

void WholeRows::list_every_row(uint64_t rows) {
  rows_.resize(rows);
  std::iota(rows_.begin(), rows_.end(), uint64_t{0});
  every_row_ = true;
}

// A row has the place of its first occurrence.
void WholeRows::list(const std::vector<uint64_t>& rows) {
  if (every_row_) return;
  sorted_.clear();
  for (uint32_t i = 0; i < rows.size(); ++i) sorted_.push_back({rows[i], i});
  std::sort(sorted_.begin(), sorted_.end());
  const auto same = [](const auto& a, const auto& b) { return a.first == b.first; };
  sorted_.erase(std::unique(sorted_.begin(), sorted_.end(), same), sorted_.end());
  places_.assign(rows.size(), 0);
  for (const auto& [row, first] : sorted_) places_[first] = 1;
  rows_.clear();
  for (uint32_t i = 0; i < rows.size(); ++i) {
    if (places_[i] == 0) continue;
    places_[i] = uint32_t(rows_.size());
    rows_.push_back(rows[i]);
  }
  for (auto& [row, place] : sorted_) place = places_[place];
}

uint64_t WholeRows::row_bytes(const Matrix& matrix, uint32_t rank) const {
  return (map_.columns_of(rank, width_).size() * bytes_of(matrix.own.dtype) + 3) / 4 * 4;
}

uint64_t WholeRows::message_bytes(uint32_t rank) const {
  uint64_t bytes = 0;
  for (const Matrix& matrix : matrices_) bytes += matrix.told ? row_bytes(matrix, rank) : 0;
  return bytes * rows_.size();
}

void WholeRows::pack(char* to) const {
  for (const Matrix& matrix : matrices_) {
    if (!matrix.told) continue;
    const size_t stride = row_bytes(matrix, rank_), bytes = own().size() * bytes_of(matrix.own.dtype);
    const char* const from = reinterpret_cast<const char*>(matrix.own.base);
    for (const uint64_t row : rows_) {
      std::memcpy(to, from + row * bytes, bytes);
      std::memset(to + bytes, 0, stride - bytes);
      to += stride;
    }
  }
}

size_t WholeRows::place_of(uint64_t row) const {
  if (every_row_) return row;
  return std::lower_bound(sorted_.begin(), sorted_.end(), std::pair(row, uint32_t{0}))->second;
}

void WholeRows::read_others(size_t matrix, size_t place, const KernelTable& kernels, float* row) const {
  const Matrix& read = matrices_[matrix];
  for (uint32_t part = 0; part < parts_.size(); ++part) {
    const uint32_t rank = map_.first_of_share(rank_) + part;
    if (rank == rank_) continue;
    const ColumnRange columns = map_.columns_of(rank, width_);
    float* const to = row + columns.begin;
    if (!read.told) {
      std::fill_n(to, columns.size(), 0.0f);
      continue;
    }
    const char* from = parts_[part];
    for (size_t before = 0; before < matrix; ++before) {
      if (matrices_[before].told) from += rows_.size() * row_bytes(matrices_[before], rank);
    }
    from += place * row_bytes(read, rank);
    if (is_half(read.own.dtype)) {
      kernels.widen(reinterpret_cast<const uint16_t*>(from), to, columns.size(), table_format(read.own.dtype));
    } else {
      std::memcpy(to, from, columns.size() * sizeof(float));
    }
  }
}

}  // namespace pairloom
