// Metrics of training rows.
#include <algorithm>
#include <cmath>

#include "cpu/operation.h"

namespace pairloom::metric_ops {
namespace {

void score_histogram(const BoundInstruction& i, const FixedJob&, Worker& worker) {
  const View &counts = i.views[0], &logits = i.views[1], &labels = i.views[2];
  const size_t columns = counts.dims[0], bins = counts.dims[2];
  for (size_t row = worker.step->own_begin(); row < worker.step->own_end(); ++row) {
    for (size_t k = 0; k < columns; ++k) {
      const double place = double(bins) / (1 + std::exp(-double(logits.base[row * logits.stride + k])));
      if (std::isnan(place)) continue;
      const size_t label = labels.base[row * labels.stride + k] > 0.5f ? 1 : 0;
      counts.base[(2 * k + label) * bins + std::min(bins - 1, size_t(place))] += 1;
    }
  }
}

void right_class(const BoundInstruction& i, Tile& t) {
  const ConstRows logits = t.in(i.views[0]), labels = t.in(i.views[1]);
  const Rows right = t.out(i.views[2]);
  for (uint32_t r = 0; r < t.rows; ++r) {
    const float* row = logits.row(r);
    const ptrdiff_t largest = std::max_element(row, row + i.views[0].size) - row;
    *right.row(r) = float(largest) == *labels.row(r) ? 1.0f : 0.0f;
  }
}

}  // namespace

constexpr CpuOperation kOperations[] = {
    {.opcode = Opcode::kScoreHistogram, .fixed = score_histogram},
    {.opcode = Opcode::kRightClass, .tile = right_class},
};

}  // namespace pairloom::metric_ops
