#include "cpu/tables/attached_rows.h"

#include <cstring>
#include <vector>

#include "cpu/kernels/dispatch.h"
#include "cpu/tables/format.h"
#include "program/error.h"
#include "runtime/random.h"

namespace pairloom {
namespace {

constexpr size_t kCacheLine = 64;

class StoredRows : public RowMemory {
 public:
  StoredRows(std::shared_ptr<ParameterStore> store, const AttachedRows& attached)
      : store_(std::move(store)),
        attached_(attached),
        key_(random_key(attached.init.seed, attached.init.stream, 0)),
        row_bytes_(attached.width * bytes_of(store_->dtype())),
        data_(static_cast<char*>(store_->memory().data)),
        widened_(is_half(store_->dtype()) ? attached.width : 0) {}

  size_t row_bytes() const override { return row_bytes_; }
  void initialize(uint32_t row, uint64_t key) override {
    fill(row, attached_.init, row_draws(key_, key, attached_.width));
  }
  void fill(uint32_t row, const Fill& init, const RowDraws& draws) {
    store_->mark_changed(row);
    fill_row(at(row), store_->dtype(), attached_.width, init, draws);
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
  double squares(uint32_t row, double sum) const override {
    if (!attached_.weights) return sum;
    const float* numbers = reinterpret_cast<const float*>(at(row));
    if (is_half(store_->dtype())) {
      kernels().widen(reinterpret_cast<const uint16_t*>(at(row)), widened_.data(), attached_.width,
                      table_format(store_->dtype()));
      numbers = widened_.data();
    }
    for (size_t d = 0; d < attached_.width; ++d) sum += double(numbers[d]) * double(numbers[d]);
    return sum;
  }
  void release(uint64_t first) override { store_->release(first * attached_.width); }

 private:
  char* at(uint64_t row) const { return data_ + row * row_bytes_; }

  const std::shared_ptr<ParameterStore> store_;
  const AttachedRows attached_;
  const RandomKey key_;
  const size_t row_bytes_;
  char* const data_;
  mutable std::vector<float> widened_;  // a row of 16-bit numbers
};

}  // namespace

std::unique_ptr<RowMemory> attach_rows(std::shared_ptr<ParameterStore> store, uint64_t rows,
                                       const AttachedRows& attached, const Fill& unknown) {
  if (attached.width == 0 || store->count() / attached.width != rows || store->count() % attached.width != 0) {
    throw Error({"a memory does not fit the dynamic table that it is attached to", "",
                 std::to_string(store->count()) + " numbers",
                 std::to_string(rows) + " rows of " + std::to_string(attached.width), ""});
  }
  auto stored = std::make_unique<StoredRows>(std::move(store), attached);
  stored->initialize_unknown(unknown);
  return stored;
}

}  // namespace pairloom
