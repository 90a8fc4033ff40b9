// Sums over the rows of a tile, in the order that the format defines: tiles are summed by themselves and then added.
#pragma once

#include <algorithm>
#include <array>

#include "cpu/bound.h"

namespace pairloom {

constexpr size_t kMostReduced = 2;  // outputs of a reduction

// The outputs of a reduction over `rows` rows.
struct Reduced {
  std::array<float*, kMostReduced> to;
  uint32_t rows;
};

// Floats of Worker::reduction that an instruction needs: room for its partial outputs twice.
inline size_t reduction_floats(const BoundInstruction& i) {
  size_t floats = 0;
  for (const View& view : i.views) floats += view.space == Space::kPartial ? 2 * view.size : 0;
  return i.rule->placement == Placement::kTile ? floats : 0;
}

// How a combine instruction folds partial results: its first attribute.
enum class Combine : uint32_t { kSum, kMean, kMoments };

// Merges the mean and the sum of squared deviations (M2) of two sets of values, element by element; `out` may be either
// (Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances", 1979).
inline void merge_moments(const Reduced& a, const Reduced& b, const Reduced& out, size_t count) {
  const float rows_a = float(a.rows), rows_b = float(b.rows), total = rows_a + rows_b;
  for (size_t i = 0; i < count; ++i) {
    const float delta = b.to[0][i] - a.to[0][i];
    const float mean = a.to[0][i] + delta * (rows_b / total);
    out.to[1][i] = (a.to[1][i] + b.to[1][i]) + delta * delta * (rows_a * rows_b / total);
    out.to[0][i] = mean;
  }
}

// The floats of an output that a thread computes if others share the instruction: those of some of its first indices.
struct OutputPart {
  size_t begin, size;

  OutputPart(const View& output, const Tile& t) {
    const uint32_t first = part_begin(uint32_t(output.dims[0]), t.shared, t.shares),
                   end = part_begin(uint32_t(output.dims[0]), t.shared + 1, t.shares);
    const size_t width = output.size / output.dims[0];
    begin = first * width;
    size = (end - first) * width;
  }
};

// Reduces the tile to the partial outputs of the instruction, its last operands. sum(part, outputs) writes the outputs
// for some rows; merge(into, from) adds those of the rows that follow. A tile of two of the format's tiles is the sum
// of both; it is stored where it is the first of its group, else added.
template <class Sum, class Merge>
void reduce(const BoundInstruction& i, const Tile& t, size_t outputs, const Sum& sum, const Merge& merge) {
  const View* const results = i.views.data() + (i.views.size() - outputs);
  float* spare = t.worker.reduction.data();
  Reduced into{{}, t.seen};
  const auto take = [&](uint32_t rows) {  // room for the outputs of some rows
    Reduced room{{}, rows};
    for (size_t o = 0; o < outputs; ++o) {
      room.to[o] = spare;
      spare += results[o].size;
    }
    return room;
  };
  for (size_t o = 0; o < outputs; ++o) into.to[o] = t.at(results[o]) + OutputPart(results[o], t).begin;

  const uint32_t first = std::min(t.rows, t.step.tile_rows);
  Reduced mine = t.seen == 0 ? into : take(first);
  mine.rows = first;
  sum(t.part(0, first), mine);
  if (first < t.rows) {
    const Reduced next = take(t.rows - first);
    sum(t.part(first, t.rows - first), next);
    merge(mine, next);
    mine.rows = t.rows;
  }
  if (t.seen > 0) merge(into, mine);
}

// The same for outputs that are sums.
template <class Sum>
void reduce_sums(const BoundInstruction& i, const Tile& t, size_t outputs, const Sum& sum) {
  reduce(i, t, outputs, sum, [&](const Reduced& into, const Reduced& from) {
    for (size_t o = 0; o < outputs; ++o) {
      const OutputPart part(i.views[i.views.size() - outputs + o], t);
      t.kernels.accumulate(into.to[o], from.to[o], part.size, 1.0f);
    }
  });
}

}  // namespace pairloom
