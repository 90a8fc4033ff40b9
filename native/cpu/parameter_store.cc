#include "cpu/parameter_store.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <vector>

#include "cpu/tables/format.h"
#include "program/error.h"

namespace pairloom {
namespace {

void refuse_misaligned(const std::string& path, uint64_t offset, size_t width) {
  if (offset % width == 0) return;
  throw Error({"numbers of a file are not aligned", path, "byte " + std::to_string(offset),
               "a multiple of " + std::to_string(width), "Read them into memory instead of mapping them."});
}

// Rows that are copied in any order are cache misses: prefetch each row this many rows before it is copied.
constexpr size_t kAhead = 16;

bool is_zeros(const Fill& spec) {
  return spec.kind == FillKind::kConstant && std::bit_cast<uint32_t>(float(spec.a)) == 0;
}

}  // namespace

ParameterStore::ParameterStore(DType dtype, uint64_t count, uint64_t used)
    : dtype_(dtype), count_(count), used_(used), own_(bytes(), used * width()), data_(own_.data()) {}

ParameterStore::ParameterStore(DType dtype, uint64_t count, const std::string& path, uint64_t offset, uint64_t in_file)
    : dtype_(dtype), count_(count) {
  refuse_misaligned(path, offset, width());
  mapping_.emplace(path, offset, in_file * width(), bytes());
  data_ = mapping_->data();
}

ParameterStore::ParameterStore(std::shared_ptr<Tier> tier, size_t column)
    : dtype_(tier->spec().columns[column].dtype),
      count_(tier->spec().rows * tier->spec().columns[column].columns.size()),
      tier_(std::move(tier)),
      column_(column),
      data_(tier_->memory_of(column)) {}

ParameterStore::~ParameterStore() {
  if (tier_) tier_->record_changes(column_, nullptr);
}

size_t ParameterStore::width() const { return bytes_of(dtype_); }

ParameterMemory ParameterStore::memory() {
  new_ = false;
  ParameterMemory memory = is_half(dtype_) ? ParameterMemory(std::span(static_cast<uint16_t*>(data_), count_))
                                           : ParameterMemory(std::span(static_cast<float*>(data_), count_));
  if (tier_) memory.held = tier_->frames() * tier_->spec().columns[column_].columns.size();
  else memory.changed = changed();
  return memory;
}

char* ParameterStore::range(uint64_t from, uint64_t count) const {
  check_range(from, count);
  return static_cast<char*>(data_) + from * width();
}

char* ParameterStore::row_at(uint64_t row, uint64_t bytes) const { return static_cast<char*>(data_) + row * bytes; }

void ParameterStore::check_range(uint64_t from, uint64_t count) const {
  if (from <= count_ && count <= count_ - from) return;
  throw Error({"a range is outside the parameter", "read or write",
               "numbers " + std::to_string(from) + " to " + std::to_string(from + count),
               "within 0 to " + std::to_string(count_), ""});
}

void ParameterStore::begin_writing() {
  new_ = false;
  if (!mapping_) return;
  throw Error({"a parameter of a mapped file cannot be written to", "write", "", "memory of its own",
               "Allocate the parameter and read the file into it."});
}

void ParameterStore::read(uint64_t from, uint64_t count, void* into) const {
  if (tier_) return check_range(from, count), tier_->read(column_, from, count, into);
  const char* begin = range(from, count);
  if (count > 0) std::memcpy(into, begin, count * width());
}

void ParameterStore::write(uint64_t from, uint64_t count, const void* values) {
  begin_writing();
  if (tier_) return check_range(from, count), tier_->write(column_, from, count, values);
  char* begin = range(from, count);
  if (count > 0) std::memcpy(begin, values, count * width());
}

void ParameterStore::copy_from(const ParameterStore& source) {
  if (source.dtype_ != dtype_ || source.count_ != count_) {
    throw Error({"parameters of other sizes or dtypes cannot be copied", "copy",
                 std::to_string(source.count_) + " numbers", std::to_string(count_) + " numbers of the same dtype",
                 ""});
  }
  if (tier_ || source.tier_) throw Error({"a table in a file cannot be copied as a whole", "copy", "", "", ""});
  if (this != &source) write(0, count_, source.data_);
}

// Before a product that may not fit in 64 bits.
void ParameterStore::check_row(uint64_t row, uint64_t rows) const {
  if (row < rows) return;
  throw Error({"a row is outside the parameter", "gather or scatter", "row " + std::to_string(row),
               "below " + std::to_string(rows), ""});
}

template <class Row>
void ParameterStore::gather(std::span<const Row> rows, uint64_t width, uint64_t from, uint64_t count,
                            void* into) const {
  const uint64_t all = count_ / width, row_bytes = width * this->width();
  char* to = static_cast<char*>(into);
  char* const end = to + count * this->width();
  uint64_t index = from / width, skipped = from % width * this->width();
  std::vector<Tier::Part> parts;  // of a tier, which reads many at once
  for (; to < end; ++index, skipped = 0) {
    if (index >= rows.size()) {
      throw Error({"a range is outside the rows to gather", "gather", "row " + std::to_string(index),
                   "below " + std::to_string(rows.size()), ""});
    }
    check_row(rows[index], all);
    const uint64_t bytes = std::min(row_bytes - skipped, uint64_t(end - to));
    if (tier_) parts.push_back({rows[index], skipped, bytes, to});
    else {
      const uint64_t ahead = index + kAhead < rows.size() ? rows[index + kAhead] : 0;
      if (ahead < all) __builtin_prefetch(row_at(ahead, row_bytes));
      std::memcpy(to, row_at(rows[index], row_bytes) + skipped, bytes);
    }
    to += bytes;
  }
  if (tier_) tier_->gather(column_, parts);
}

template void ParameterStore::gather(std::span<const uint32_t>, uint64_t, uint64_t, uint64_t, void*) const;
template void ParameterStore::gather(std::span<const uint64_t>, uint64_t, uint64_t, uint64_t, void*) const;

template <class Row>
void ParameterStore::scatter(std::span<const Row> rows, uint64_t width, const void* values) {
  begin_writing();
  const uint64_t all = count_ / width, bytes = width * this->width();
  char* from = const_cast<char*>(static_cast<const char*>(values));
  std::vector<Tier::Part> parts;
  for (const Row row : rows) {
    check_row(row, all);
    if (tier_) parts.push_back({row, 0, bytes, from});
    else std::memcpy(row_at(row, bytes), from, bytes);
    from += bytes;
  }
  if (tier_) tier_->scatter(column_, parts);
}

template void ParameterStore::scatter(std::span<const uint32_t>, uint64_t, const void*);
template void ParameterStore::scatter(std::span<const uint64_t>, uint64_t, const void*);

void ParameterStore::track_changes(uint64_t width) {
  if (changed() != nullptr) return;
  changed_ = Block<uint8_t>(count_ / width);
  if (tier_) tier_->record_changes(column_, changed());
}

void ParameterStore::release(uint64_t first) {
  if (first * width() < own_.size()) own_.release(first * width());
}

void ParameterStore::read_changes(uint64_t from, uint64_t count, void* into) const {
  const uint64_t rows = changed_.size();
  if (changed() != nullptr && from <= rows && count <= rows - from) {
    std::memcpy(into, changed() + from, count);
    return;
  }
  throw Error({"a range is outside the rows whose changes are recorded", "read",
               "rows " + std::to_string(from) + " to " + std::to_string(from + count),
               "within 0 to " + std::to_string(rows), ""});
}

void ParameterStore::clear_changes(uint32_t consumer) {
  const uint8_t others = uint8_t(~(1u << consumer));
  for (uint64_t row = 0; row < changed_.size(); ++row) {
    if (changed_[row] != 0) changed_[row] &= others;  // pages without changes are not written to
  }
}

void ParameterStore::fill(const Fill& spec, uint32_t threads) {
  if (new_ && !mapping_ && !tier_ && is_zeros(spec)) return;
  begin_writing();
  if (tier_) return tier_->fill(column_, spec);
  if (dtype_ == DType::kFp32) return pairloom::fill(std::span(static_cast<float*>(data_), count_), spec, threads);
  pairloom::fill(std::span(static_cast<uint16_t*>(data_), count_), table_format(dtype_), spec, threads);
}

void ParameterStore::fill(const Fill& spec, const Shard& shard, uint64_t width, uint32_t threads) {
  if (shard.rows() == 0) return;
  if (tier_ && tier_->spec().shard) return fill(spec, threads);
  const uint64_t count = shard.rows() * shard.map.columns_of(shard.rank, width).size();
  if (tier_ || mapping_ || count_ != count) {
    throw Error({"a memory is not that of a shard", "fill", std::to_string(count_) + " numbers", std::to_string(count), ""});
  }
  begin_writing();
  fill_shard(data_, dtype_, width, shard, spec, threads);
}

}  // namespace pairloom
