// Sessions of a batch: rows with the same session id compete with each other.
#include <algorithm>
#include <cmath>
#include <limits>

#include "cpu/operation.h"
#include "cpu/tables/sort.h"

namespace pairloom::session_ops {
namespace {

constexpr double kNone = -std::numeric_limits<double>::infinity();

// The first operands of both operations.
struct Batch {
  View logits, labels, sessions;

  explicit Batch(const BoundInstruction& i) : logits(i.views[0]), labels(i.views[1]), sessions(i.views[2]) {}
  float logit(uint32_t row, uint32_t column) const { return logits.base[row * logits.stride + column]; }
  uint32_t label(uint32_t row) const { return labels.base[row * labels.stride] > 0.5f ? 1 : 0; }
  uint32_t session(uint32_t row) const { return uint32_t(reinterpret_cast<const int32_t*>(sessions.base)[row]); }
};

// Calls f(first, last) with the sorted keys of each session; the low half of a key is the row. Rows of a session are in
// batch order, which fixes the order of every sum.
template <class F>
void each_session(const Batch& batch, Worker& worker, F f) {
  const uint32_t rows = worker.step->rows;
  worker.table.hold<uint64_t>(rows);
  auto& [keys, spare] = worker.table.narrow;
  for (uint32_t row = 0; row < rows; ++row) keys[row] = uint64_t{batch.session(row)} << 32 | row;
  const uint64_t* sorted = sort_by_row(keys.data(), spare.data(), rows, uint64_t{1} << 31);
  for (const uint64_t *first = sorted, *end = sorted + rows; first < end;) {
    const uint64_t* last = end_of_row(first, end);
    f(first, last);
    first = last;
  }
}

// Log-sum-exp of column c over the rows of the other class. In fp64, because an absolute error here becomes a relative
// error of every share.
double competition(const Batch& batch, const uint64_t* first, const uint64_t* last, uint32_t c) {
  double most = kNone, sum = 0;
  for (const uint64_t* key = first; key < last; ++key) {
    if (batch.label(uint32_t(*key)) != c) most = std::max(most, double(batch.logit(uint32_t(*key), c)));
  }
  for (const uint64_t* key = first; key < last; ++key) {
    if (batch.label(uint32_t(*key)) == c) continue;
    const double logit = batch.logit(uint32_t(*key), c);
    sum += logit == kNone ? 0 : std::exp(logit - most);
  }
  return sum == 0 ? kNone : most + std::log(sum);
}

void session_log_sum_exp(const BoundInstruction& i, const FixedJob&, Worker& worker) {
  const Batch batch(i);
  const View& out = i.views[3];
  each_session(batch, worker, [&](const uint64_t* first, const uint64_t* last) {
    const float of[2] = {float(competition(batch, first, last, 0)), float(competition(batch, first, last, 1))};
    for (const uint64_t* key = first; key < last; ++key) {
      out.base[uint32_t(*key) * out.stride] = of[batch.label(uint32_t(*key))];
    }
  });
}

void session_log_sum_exp_grad(const BoundInstruction& i, const FixedJob&, Worker& worker) {
  const Batch batch(i);
  const View &dy = i.views[3], &dz = i.views[4];
  each_session(batch, worker, [&](const uint64_t* first, const uint64_t* last) {
    double of[2], total[2] = {0, 0};
    bool any[2] = {false, false};
    for (uint32_t c = 0; c < 2; ++c) of[c] = competition(batch, first, last, c);
    for (const uint64_t* key = first; key < last; ++key) {
      const uint32_t row = uint32_t(*key), c = batch.label(row);
      total[c] += dy.base[row * dy.stride];
      any[c] = true;
    }
    for (const uint64_t* key = first; key < last; ++key) {
      const uint32_t row = uint32_t(*key), own = batch.label(row), c = 1 - own;
      float* to = dz.base + row * dz.stride;
      to[own] = 0;
      to[c] = any[c] ? float(std::exp(batch.logit(row, c) - of[c]) * total[c]) : 0;
    }
  });
}

}  // namespace

constexpr CpuOperation kOperations[] = {
    {.opcode = Opcode::kSessionLogSumExp, .fixed = session_log_sum_exp},
    {.opcode = Opcode::kSessionLogSumExpGrad, .fixed = session_log_sum_exp_grad},
};

}  // namespace pairloom::session_ops
