// Counts of training rows, for metrics during training.
#include <algorithm>
#include <cmath>

#include "cpu/operation.h"

namespace pairloom::metric_ops {
namespace {

void score_histogram(const BoundInstruction& i, const FixedJob&, Worker& worker) {
  const View &counts = i.views[0], &logits = i.views[1], &labels = i.views[2];
  const size_t columns = counts.dims[0], bins = counts.dims[2];
  for (size_t row = 0; row < worker.step->rows; ++row) {
    for (size_t k = 0; k < columns; ++k) {
      const double place = double(bins) / (1 + std::exp(-double(logits.base[row * logits.stride + k])));
      if (std::isnan(place)) continue;
      const size_t label = labels.base[row * labels.stride + k] > 0.5f ? 1 : 0;
      counts.base[(2 * k + label) * bins + std::min(bins - 1, size_t(place))] += 1;
    }
  }
}

}  // namespace

constexpr CpuOperation kOperations[] = {
    {.opcode = Opcode::kScoreHistogram, .fixed = score_histogram},
};

}  // namespace pairloom::metric_ops
