// The weights of a table while an optimizer updates them.
#pragma once

#include "cpu/bound.h"
#include "runtime/random.h"
#include "runtime/table_layout.h"

namespace pairloom {

// Asks for `count` elements, of which a cache line has some, that are about to be updated.
template <class Element>
void prefetch_elements(const Element* data, size_t count) {
  for (size_t i = 0; i < count; i += 64 / sizeof(Element)) __builtin_prefetch(data + i, 1);
}
inline void prefetch_floats(const float* data, size_t count) { prefetch_elements(data, count); }

// Rows in f32 are updated in place. Rows of 16-bit numbers are widened, updated in f32 and rounded back: element d of row
// r by the draw of index r * D + d.
class TableWeights {
 public:
  TableWeights(const BoundInstruction& instruction, const TableLayout& layout, Worker& worker)
      : table_(instruction.views[0]),
        kernels_(*worker.step->kernels),
        widened_(worker.table.widened),
        key_(random_key(worker.step->seed, layout.stream, worker.step->step)) {}

  void prefetch(size_t row) const {
    const size_t dim = table_.dims[1];
    if (is_half(table_.dtype)) prefetch_elements(halves() + row * dim, dim);
    else prefetch_floats(table_.base + row * dim, dim);
  }

  // step(weights of the rows from `row` on)
  template <class Step>
  void update(size_t row, size_t count, const Step& step) const {
    const size_t begin = row * table_.dims[1], size = count * table_.dims[1];
    if (!is_half(table_.dtype)) return step(table_.base + begin);
    const TableFormat format = table_format(table_.dtype);
    kernels_.widen(halves() + begin, widened_.data(), size, format);
    step(widened_.data());
    kernels_.round_stochastically(widened_.data(), halves() + begin, size, format, key_, begin);
  }

 private:
  uint16_t* halves() const { return reinterpret_cast<uint16_t*>(table_.base); }

  const View& table_;
  const KernelTable& kernels_;
  std::vector<float>& widened_;  // room for as many rows as one call takes
  const RandomKey key_;
};

}  // namespace pairloom
