// Entries of sequences and their rows.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "cpu/operation.h"

namespace pairloom::sequence_ops {
namespace {

// Some entries of a row: the first of them within the row, and within the chunk.
struct Run {
  uint32_t row, from, at, count;
};

// The entries of a chunk, row by row.
template <class Visit>
void each_run(const Tile& chunk, const Visit& visit) {
  const SequenceEntries& entries = *chunk.entries;
  uint32_t row = entries.row_of(chunk.first);
  for (uint32_t at = 0; at < chunk.rows; ++row) {
    const uint32_t from = chunk.first + at - entries.before(row);
    const uint32_t count = std::min(entries.count(row) - from, chunk.rows - at);
    if (count > 0) visit(Run{row, from, at, count});
    at += count;
  }
}

float* row_of(const View& view, uint32_t row) { return view.base + size_t{row} * view.stride; }

ConstIds ids_from(const Bag& bag, uint32_t from, bool wide) {
  if (wide) return {bag.ids<int64_t>() + from, true};
  return {bag.ids<int32_t>() + from, false};
}

void embed_entries(const BoundInstruction& i, Tile& t) {
  const auto& v = i.views;
  const Rows out = t.out(v[2]);
  each_run(t, [&](const Run& run) {
    const ConstIds ids = ids_from(bags_of(v[1])[run.row], run.from, is_wide(v[1].dtype));
    t.kernels.embedding(v[0].table(), uint32_t(v[0].dims[1]), ids, 1, {out.row(run.at), out.stride}, run.count);
  });
}

void entry_weights(const BoundInstruction& i, Tile& t) {
  const Rows out = t.out(i.views[1]);
  each_run(t, [&](const Run& run) {
    const Bag& bag = bags_of(i.views[0])[run.row];
    for (uint32_t e = 0; e < run.count; ++e) *out.row(run.at + e) = bag.weight(run.from + e);
  });
}

// The place of an entry of a run in its row, from the first entry or from the last.
uint32_t place_of(const Tile& t, const Run& run, uint32_t e, bool from_last) {
  const uint32_t place = run.from + e;
  return from_last ? t.entries->count(run.row) - 1 - place : place;
}

void window_shares(const BoundInstruction& i, Tile& t) {
  const Rows out = t.out(i.views[1]);
  const bool from_last = i.attribute(0) == 1;
  const double skip = i.attribute(1), count = i.attribute(2);
  each_run(t, [&](const Run& run) {
    const float share = float(1 / std::min(t.entries->count(run.row) - skip, count));
    for (uint32_t e = 0; e < run.count; ++e) {
      const double place = place_of(t, run, e, from_last);
      *out.row(run.at + e) = place >= skip && place < skip + count ? share : 0.0f;
    }
  });
}

void place_sinusoids(const BoundInstruction& i, Tile& t) {
  const View& view = i.views[1];
  const Rows out = t.out(view);
  const bool from_last = i.attribute(0) == 1;
  each_run(t, [&](const Run& run) {
    for (size_t c = 0; c < view.size; ++c) {
      const double wavelength = std::pow(10000.0, double(c - c % 2) / double(view.size));
      for (uint32_t e = 0; e < run.count; ++e) {
        const double angle = double(place_of(t, run, e, from_last)) / wavelength;
        out.row(run.at + e)[c] = float(c % 2 == 0 ? std::sin(angle) : std::cos(angle));
      }
    }
  });
}

bool is_mean(const BoundInstruction& i) { return i.attribute(0) == 1; }

// Before the sums of entries, which are the last operand.
void zero_sums(const BoundInstruction& i, Tile& rows) {
  const View& view = i.views.back();
  const Rows out = rows.out(view);
  for (uint32_t r = 0; r < rows.rows; ++r) std::fill_n(out.row(r), view.size, 0.0f);
}

void segment_sum(const BoundInstruction& i, Tile& t) {
  const auto& v = i.views;
  const ConstRows x = t.in(v[0]);
  each_run(t, [&](const Run& run) {
    float* const sum = row_of(v[2], run.row);
    for (uint32_t e = 0; e < run.count; ++e) t.kernels.accumulate(sum, x.row(run.at + e), v[2].size, 1.0f);
    const uint32_t all = t.entries->count(run.row);
    if (!is_mean(i) || run.from + run.count < all) return;
    for (size_t d = 0; d < v[2].size; ++d) sum[d] /= float(all);
  });
}

void repeat_rows(const BoundInstruction& i, Tile& t) {
  const auto& v = i.views;
  const Rows out = t.out(v[2]);
  each_run(t, [&](const Run& run) {
    const float* const x = row_of(v[0], run.row);
    float* const first = out.row(run.at);
    const float divisor = is_mean(i) ? float(t.entries->count(run.row)) : 1.0f;
    for (size_t d = 0; d < v[2].size; ++d) first[d] = x[d] / divisor;
    for (uint32_t e = 1; e < run.count; ++e) std::memcpy(out.row(run.at + e), first, v[2].size * sizeof(float));
  });
}

// The values of a row's entries side by side: where they are, or copied to `room`.
const float* line_of(const Tile& t, const View& view, uint32_t row, float* room) {
  const Rows entries = t.entries_of(view, row);
  const uint32_t count = t.step.count_of(view, row);
  if (entries.stride == 1) return entries.data;
  for (uint32_t e = 0; e < count; ++e) room[e] = *entries.row(e);
  return room;
}

// line(inputs of a row, output, count) for each row with entries.
template <size_t kInputs, class Line>
void each_line(const BoundInstruction& i, const Tile& t, const Line& line) {
  const View& out = i.views.back();
  std::vector<float>& room = t.worker.lines;
  for (uint32_t row = t.first; row < t.first + t.rows; ++row) {
    const uint32_t count = t.step.count_of(out, row);
    if (count == 0) continue;
    if (room.size() < (kInputs + 1) * size_t{count}) room.resize((kInputs + 1) * size_t{count});
    const float* inputs[kInputs];
    for (size_t x = 0; x < kInputs; ++x) inputs[x] = line_of(t, i.views[x], row, room.data() + (x + 1) * count);
    const Rows to = t.entries_of(out, row);
    float* const result = to.stride == 1 ? to.data : room.data();
    line(inputs, result, count);
    for (uint32_t e = 0; to.stride > 1 && e < count; ++e) *to.row(e) = result[e];
  }
}

void segment_softmax(const BoundInstruction& i, Tile& t) {
  each_line<1>(i, t, [&](const float* const* inputs, float* out, uint32_t count) {
    t.kernels.softmax({inputs[0], count}, {out, count}, 1, count);
  });
}

void segment_softmax_grad(const BoundInstruction& i, Tile& t) {
  each_line<2>(i, t, [&](const float* const* inputs, float* out, uint32_t count) {
    t.kernels.softmax_grad({inputs[0], count}, {inputs[1], count}, {out, count}, 1, count);
  });
}

// visit(row, its entries of the view, their number)
template <class Visit>
void each_row(const Tile& t, const View& view, const Visit& visit) {
  for (uint32_t r = 0; r < t.rows; ++r) {
    const uint32_t row = t.first + r;
    visit(r, t.entries_of(view, row), t.step.count_of(view, row));
  }
}

void segment_max(const BoundInstruction& i, Tile& t) {
  const auto& v = i.views;
  const Rows out = t.out(v[2]);
  each_row(t, v[0], [&](uint32_t r, Rows x, uint32_t count) {
    float* const most = out.row(r);
    if (count == 0) std::fill_n(most, v[2].size, 0.0f);
    else std::copy_n(x.row(0), v[2].size, most);
    for (uint32_t e = 1; e < count; ++e) {
      for (size_t d = 0; d < v[2].size; ++d) most[d] = x.row(e)[d] > most[d] ? x.row(e)[d] : most[d];
    }
  });
}

void segment_max_grad(const BoundInstruction& i, Tile& t) {
  const auto& v = i.views;
  const ConstRows dy = t.in(v[0]), y = t.in(v[1]);
  each_row(t, v[2], [&](uint32_t r, Rows x, uint32_t count) {
    const Rows dx = t.entries_of(v[4], t.first + r);
    for (uint32_t e = 0; e < count; ++e) std::fill_n(dx.row(e), v[4].size, 0.0f);
    for (size_t d = 0; d < v[4].size; ++d) {
      uint32_t e = 0;
      while (e < count && x.row(e)[d] != y.row(r)[d]) ++e;
      if (e < count) dx.row(e)[d] = dy.row(r)[d];
    }
  });
}

// The entries of a run, times the matrix of its row.
void segment_matmul(const BoundInstruction& i, Tile& t) {
  const auto& v = i.views;
  const ConstRows x = t.in(v[0]);
  const Rows out = t.out(v[3]);
  const uint32_t k = width(v[0]), n = width(v[3]);
  each_run(t, [&](const Run& run) {
    const float* const w = row_of(v[1], run.row);
    t.kernels.batch_matmul({x.row(run.at), x.stride}, {w, 0}, {out.row(run.at), out.stride}, run.count, 1, n, k, false,
                           i.attribute(0) == 1);
  });
}

void segment_outer(const BoundInstruction& i, Tile& t) {
  const auto& v = i.views;
  const ConstRows x = t.in(v[0]), y = t.in(v[1]);
  const uint32_t k = width(v[0]), n = width(v[1]);
  each_run(t, [&](const Run& run) {
    float* const sum = row_of(v[3], run.row);
    for (uint32_t e = run.at; e < run.at + run.count; ++e) {
      for (uint32_t p = 0; p < k; ++p) t.kernels.accumulate(sum + size_t{p} * n, y.row(e), n, x.row(e)[p]);
    }
  });
}

// visit(which place, entry within the run) for each of a row's places that has an entry in the run, in order. The places are the
// second operand; what is no whole number below the row's length is the place of no entry.
template <class Visit>
void each_place(const BoundInstruction& i, const Tile& t, const Run& run, const Visit& visit) {
  const View& view = i.views[1];
  const float* const places = row_of(view, run.row);
  const double length = t.entries->count(run.row);
  for (size_t k = 0; k < view.size; ++k) {
    const double place = places[k];
    if (!(place >= 0 && place < length && place == std::floor(place))) continue;
    const double entry = (i.attribute(0) == 1 ? length - 1 - place : place) - run.from;
    if (entry >= 0 && entry < run.count) visit(k, uint32_t(entry));
  }
}

void gather_entries(const BoundInstruction& i, Tile& t) {
  const auto& v = i.views;
  const ConstRows x = t.in(v[0]);
  const size_t n = v[0].size;
  each_run(t, [&](const Run& run) {
    float* const lines = row_of(v[3], run.row);
    each_place(i, t, run, [&](size_t k, uint32_t e) { std::memcpy(lines + k * n, x.row(run.at + e), n * sizeof(float)); });
  });
}

void scatter_entries(const BoundInstruction& i, Tile& t) {
  const auto& v = i.views;
  const Rows out = t.out(v[3]);
  const size_t n = v[3].size;
  for (uint32_t e = 0; e < t.rows; ++e) std::fill_n(out.row(e), n, 0.0f);
  each_run(t, [&](const Run& run) {
    const float* const lines = row_of(v[0], run.row);
    each_place(i, t, run, [&](size_t k, uint32_t e) { t.kernels.accumulate(out.row(run.at + e), lines + k * n, n, 1.0f); });
  });
}

// visit(entry of the inner sequence, the entry of the outer one that it is within) in each row, in order. The weights of the inner
// bag are the places of these; what is no place has no entry.
template <class Visit>
void each_within(const View& inner, uint32_t row, uint32_t length, const Visit& visit) {
  const Bag& bag = bags_of(inner)[row];
  for (uint32_t e = 0; e < bag.count; ++e) {
    const double place = bag.weight(e);
    if (place >= 0 && place < length && place == std::floor(place)) visit(e, uint32_t(place));
  }
}

// The number of inner entries of each entry of a row.
std::vector<float>& counts_within(const Tile& t, const View& inner, uint32_t row, uint32_t length) {
  std::vector<float>& counts = t.worker.lines;
  counts.assign(length, 0.0f);
  each_within(inner, row, length, [&](uint32_t, uint32_t place) { ++counts[place]; });
  return counts;
}

void pool_entries(const BoundInstruction& i, Tile& t) {
  const auto& v = i.views;
  const size_t n = v[3].size;
  each_row(t, v[3], [&](uint32_t r, Rows out, uint32_t length) {
    const uint32_t row = t.first + r;
    const Rows x = t.entries_of(v[0], row);
    for (uint32_t e = 0; e < length; ++e) std::fill_n(out.row(e), n, 0.0f);
    each_within(v[1], row, length,
                [&](uint32_t e, uint32_t place) { t.kernels.accumulate(out.row(place), x.row(e), n, 1.0f); });
    if (!is_mean(i)) return;
    const std::vector<float>& counts = counts_within(t, v[1], row, length);
    for (uint32_t e = 0; e < length; ++e) {
      for (size_t d = 0; d < n && counts[e] > 0; ++d) out.row(e)[d] /= counts[e];
    }
  });
}

void spread_entries(const BoundInstruction& i, Tile& t) {
  const auto& v = i.views;
  const size_t n = v[3].size;
  each_row(t, v[0], [&](uint32_t r, Rows y, uint32_t length) {
    const uint32_t row = t.first + r;
    const Rows out = t.entries_of(v[3], row);
    const uint32_t count = t.step.count_of(v[3], row);
    for (uint32_t e = 0; e < count; ++e) std::fill_n(out.row(e), n, 0.0f);
    const std::vector<float>& counts = counts_within(t, v[2], row, length);
    each_within(v[2], row, length, [&](uint32_t e, uint32_t place) {
      const float divisor = is_mean(i) ? counts[place] : 1.0f;
      for (size_t d = 0; d < n; ++d) out.row(e)[d] = y.row(place)[d] / divisor;
    });
  });
}

// visit(whether it is of the right sequence, entry there, place in the joined row) for each entry of a row that this has room for.
template <class Visit>
void each_joined(uint32_t left, uint32_t right, uint32_t joined, double prefix, const Visit& visit) {
  const uint32_t before = uint32_t(std::min<double>(prefix, right));
  for (uint32_t e = 0; e < left && before + e < joined; ++e) visit(false, e, before + e);
  for (uint32_t e = 0; e < right; ++e) {
    const uint32_t place = e < before ? e : left + e;
    if (place < joined) visit(true, e, place);
  }
}

void concat_entries(const BoundInstruction& i, Tile& t) {
  const auto& v = i.views;
  const size_t n = v[5].size;
  each_row(t, v[5], [&](uint32_t r, Rows out, uint32_t joined) {
    const uint32_t row = t.first + r;
    const Rows from[] = {t.entries_of(v[0], row), t.entries_of(v[2], row)};
    const uint32_t left = t.step.count_of(v[0], row), right = t.step.count_of(v[2], row);
    for (uint32_t e = left + right; e < joined; ++e) std::fill_n(out.row(e), n, 0.0f);
    each_joined(left, right, joined, i.attribute(0), [&](bool is_right, uint32_t e, uint32_t place) {
      std::memcpy(out.row(place), from[is_right].row(e), n * sizeof(float));
    });
  });
}

void split_entries(const BoundInstruction& i, Tile& t) {
  const auto& v = i.views;
  const size_t n = v[0].size;
  each_row(t, v[0], [&](uint32_t r, Rows x, uint32_t joined) {
    const uint32_t row = t.first + r;
    const Rows to[] = {t.entries_of(v[4], row), t.entries_of(v[5], row)};
    const uint32_t left = t.step.count_of(v[4], row), right = t.step.count_of(v[5], row);
    for (uint32_t e = 0; left + right > joined && e < left; ++e) std::fill_n(to[0].row(e), n, 0.0f);
    for (uint32_t e = 0; left + right > joined && e < right; ++e) std::fill_n(to[1].row(e), n, 0.0f);
    each_joined(left, right, joined, i.attribute(0), [&](bool is_right, uint32_t e, uint32_t place) {
      std::memcpy(to[is_right].row(e), x.row(place), n * sizeof(float));
    });
  });
}

}  // namespace

constexpr CpuOperation kOperations[] = {
    {.opcode = Opcode::kEmbedEntries, .tile = embed_entries},
    {.opcode = Opcode::kEntryWeights, .tile = entry_weights},
    {.opcode = Opcode::kWindowShares, .tile = window_shares},
    {.opcode = Opcode::kPlaceSinusoids, .tile = place_sinusoids},
    {.opcode = Opcode::kSegmentSum, .tile = segment_sum, .begin = zero_sums},
    {.opcode = Opcode::kRepeatRows, .tile = repeat_rows},
    {.opcode = Opcode::kSegmentSoftmax, .tile = segment_softmax},
    {.opcode = Opcode::kSegmentSoftmaxGrad, .tile = segment_softmax_grad},
    {.opcode = Opcode::kSegmentMax, .tile = segment_max},
    {.opcode = Opcode::kSegmentMaxGrad, .tile = segment_max_grad},
    {.opcode = Opcode::kSegmentMatmul, .tile = segment_matmul},
    {.opcode = Opcode::kSegmentOuter, .tile = segment_outer, .begin = zero_sums},
    {.opcode = Opcode::kGatherEntries, .tile = gather_entries, .begin = zero_sums},
    {.opcode = Opcode::kScatterEntries, .tile = scatter_entries},
    {.opcode = Opcode::kPoolEntries, .tile = pool_entries},
    {.opcode = Opcode::kSpreadEntries, .tile = spread_entries},
    {.opcode = Opcode::kConcatEntries, .tile = concat_entries},
    {.opcode = Opcode::kSplitEntries, .tile = split_entries},
};

}  // namespace pairloom::sequence_ops
