// A table's weights while an optimizer updates them.
#pragma once

#include "cpu/bound.h"
#include "runtime/random.h"
#include "runtime/table_layout.h"

namespace pairloom {

// Prefetches `count` elements that are about to be updated, one request per cache line.
template <class Element>
void prefetch_elements(const Element* data, size_t count) {
  for (size_t i = 0; i < count; i += 64 / sizeof(Element)) __builtin_prefetch(data + i, 1);
}
inline void prefetch_floats(const float* data, size_t count) { prefetch_elements(data, count); }

// fp32 rows are updated in place. 16-bit rows are widened, updated in fp32 and rounded back by the draws of their names.
class TableWeights {
 public:
  TableWeights(const BoundInstruction& instruction, const TableLayout& layout, Worker& worker)
      : table_(instruction.views[0]),
        names_(instruction.names),
        columns_(instruction.columns),
        kernels_(*worker.step->kernels),
        widened_(worker.table.widened),
        key_(random_key(worker.step->seed, layout.stream, worker.step->step)) {}

  bool is_named() const { return names_ != nullptr; }
  void prefetch(size_t row) const {
    const size_t dim = table_.dims[1];
    if (is_half(table_.dtype)) prefetch_elements(halves() + row * dim, dim);
    else prefetch_floats(table_.base + row * dim, dim);
  }

  // Calls step with the weights of the rows beginning at `row`.
  template <class Step>
  void update(size_t row, size_t count, const Step& step) const {
    const size_t begin = row * table_.dims[1], size = count * table_.dims[1];
    if (!is_half(table_.dtype)) return step(table_.base + begin);
    const TableFormat format = table_format(table_.dtype);
    kernels_.widen(halves() + begin, widened_.data(), size, format);
    step(widened_.data());
    const RowDraws draws = draws_of(row);
    kernels_.round_stochastically(widened_.data(), halves() + begin, size, format, draws.key, draws.first);
  }

 private:
  // Several rows follow one another in a table without names.
  RowDraws draws_of(size_t row) const {
    if (names_ == nullptr) return {key_, row * table_.dims[1]};
    const bool unknown = names_->is_unknown(row);
    const RowDraws whole = unknown ? unnamed_row_draws(key_) : row_draws(key_, names_->key_of(row), columns_.width);
    return draws_of_columns(whole, columns_);
  }
  uint16_t* halves() const { return reinterpret_cast<uint16_t*>(table_.base); }

  const View& table_;
  const RowNames* const names_;
  const ColumnRange& columns_;
  const KernelTable& kernels_;
  std::vector<float>& widened_;  // room for the rows of one call
  const RandomKey key_;
};

}  // namespace pairloom
