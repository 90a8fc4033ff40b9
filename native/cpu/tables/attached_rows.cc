#include "cpu/tables/attached_rows.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "cpu/kernels/dispatch.h"
#include "cpu/tables/format.h"
#include "program/error.h"
#include "runtime/random.h"

namespace pairloom {
namespace {

constexpr size_t kCacheLine = 64;

// Adds the squares of `width` numbers, one after the other. `widened`: room for them if they have 16 bits.
double add_squares(const char* row, DType dtype, std::vector<float>& widened, size_t width, double sum) {
  const float* numbers = reinterpret_cast<const float*>(row);
  if (is_half(dtype)) {
    kernels().widen(reinterpret_cast<const uint16_t*>(row), widened.data(), width, table_format(dtype));
    numbers = widened.data();
  }
  for (size_t d = 0; d < width; ++d) sum += double(numbers[d]) * double(numbers[d]);
  return sum;
}

class OwnRows : public RowMemory {
 public:
  OwnRows(std::shared_ptr<ParameterStore> store, const AttachedRows& attached)
      : store_(std::move(store)),
        attached_(attached),
        key_(random_key(attached.init.seed, attached.init.stream, 0)),
        row_bytes_(attached.columns.size() * bytes_of(store_->dtype())),
        data_(static_cast<char*>(store_->memory().data)),
        widened_(is_half(store_->dtype()) ? attached.columns.size() : 0) {}

  size_t row_bytes() const override { return row_bytes_; }
  void initialize(uint32_t row, uint64_t key) override {
    fill(row, attached_.init, row_draws(key_, key, attached_.columns.width));
  }
  void fill(uint32_t row, const Fill& init, const RowDraws& draws) {
    store_->mark_changed(row);
    fill_row(at(row), store_->dtype(), attached_.columns.size(), init, draws_of_columns(draws, attached_.columns));
  }
  void initialize_unknown(const Fill& init) { fill(0, init, unnamed_row_draws(key_)); }
  void save(uint32_t row, char* to) const override { std::memcpy(to, at(row), row_bytes_); }
  void restore(uint32_t row, const char* from) override { std::memcpy(at(row), from, row_bytes_); }
  void prefetch(uint32_t row) const override {
    for (size_t byte = 0; byte < row_bytes_; byte += kCacheLine) __builtin_prefetch(at(row) + byte, 1);
  }
  void move(uint32_t from, uint32_t to) override {
    std::memcpy(at(to), at(from), row_bytes_);
    if (store_->changed() != nullptr) store_->changed()[to] = store_->changed()[from];
  }
  bool is_weights() const override { return attached_.weights; }
  double squares(uint32_t row, double sum) const override {
    return add_squares(at(row), store_->dtype(), widened_, attached_.columns.size(), sum);
  }
  void release(uint64_t first) override { store_->release(first * attached_.columns.size()); }

 private:
  char* at(uint64_t row) const { return data_ + row * row_bytes_; }

  const std::shared_ptr<ParameterStore> store_;
  const AttachedRows attached_;
  const RandomKey key_;
  const size_t row_bytes_;
  char* const data_;
  mutable std::vector<float> widened_;  // a row of 16-bit numbers
};

// A column of a table that memory does not hold as a whole. Its tier moves the columns of a row together: the first one has
// it done.
class TierRows : public RowMemory {
 public:
  TierRows(const ParameterStore& store, const AttachedRows& attached)
      : tier_(store.tier()),
        column_(store.column()),
        dtype_(store.dtype()),
        attached_(attached),
        widened_(attached.columns.size()),
        ahead_(kAhead * attached.columns.size() * bytes_of(dtype_)) {
    tier_->initialize_with(column_, attached.init);
  }

  size_t row_bytes() const override { return is_first() ? tier_->saved_bytes() : 0; }
  void initialize(uint32_t row, uint64_t) override {
    if (is_first()) tier_->forget(row);
  }
  void initialize_unknown(const Fill& init) {
    std::vector<char> values(attached_.columns.size() * bytes_of(dtype_));
    const RowDraws draws = unnamed_row_draws(random_key(attached_.init.seed, attached_.init.stream, 0));
    fill_row(values.data(), dtype_, attached_.columns.size(), init, draws_of_columns(draws, attached_.columns));
    tier_->write(column_, 0, attached_.columns.size(), values.data());
  }
  void save(uint32_t row, char* to) const override {
    if (is_first()) tier_->save(row, to);
  }
  void restore(uint32_t row, const char* from) override {
    if (is_first()) tier_->restore(row, from);
  }
  void prefetch(uint32_t) const override {}
  void move(uint32_t from, uint32_t to) override {
    if (is_first()) tier_->move(from, to);
  }
  bool is_weights() const override { return attached_.weights; }
  // Rows are asked for in order: some are read ahead.
  double squares(uint32_t row, double sum) const override {
    if (step_ != tier_->step() || row < first_ || row >= end_) {
      const uint64_t rows = std::min<uint64_t>(kAhead, tier_->spec().rows - row);
      tier_->read(column_, row * attached_.columns.size(), rows * attached_.columns.size(), ahead_.data());
      first_ = row;
      end_ = row + rows;
      step_ = tier_->step();
    }
    const char* numbers = ahead_.data() + (row - first_) * attached_.columns.size() * bytes_of(dtype_);
    return add_squares(numbers, dtype_, widened_, attached_.columns.size(), sum);
  }
  void release(uint64_t first) override {
    if (is_first()) tier_->release(first);
  }

 private:
  static constexpr uint64_t kAhead = 1024;

  bool is_first() const { return column_ == 0; }

  const std::shared_ptr<Tier> tier_;
  const size_t column_;
  const DType dtype_;
  const AttachedRows attached_;
  mutable std::vector<float> widened_;
  mutable std::vector<char> ahead_;  // numbers of the rows [first_, end_), before a step
  mutable uint64_t first_ = 0, end_ = 0, step_ = 0;
};

template <class Rows>
std::unique_ptr<RowMemory> with_unknown(std::unique_ptr<Rows> rows, const Fill& unknown) {
  rows->initialize_unknown(unknown);
  return rows;
}

}  // namespace

std::unique_ptr<RowMemory> attach_rows(std::shared_ptr<ParameterStore> store, uint64_t rows,
                                       const AttachedRows& attached, const Fill& unknown) {
  if (attached.columns.size() == 0 || store->count() / attached.columns.size() != rows || store->count() % attached.columns.size() != 0) {
    throw Error({"a memory does not fit the dynamic table that it is attached to", "",
                 std::to_string(store->count()) + " numbers",
                 std::to_string(rows) + " rows of " + std::to_string(attached.columns.size()), ""});
  }
  if (store->tier()) return with_unknown(std::make_unique<TierRows>(*store, attached), unknown);
  return with_unknown(std::make_unique<OwnRows>(std::move(store), attached), unknown);
}

}  // namespace pairloom
