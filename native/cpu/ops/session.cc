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
  uint64_t session(uint32_t row) const {
    if (is_wide(sessions.dtype)) return uint64_t(reinterpret_cast<const int64_t*>(sessions.base)[row]);
    return uint32_t(reinterpret_cast<const int32_t*>(sessions.base)[row]);
  }
};

template <class Key, class F>
void each_session_by(const Batch& batch, Worker& worker, F f) {
  const uint32_t rows = worker.step->rows;
  worker.table.hold<Key>(rows);
  auto& [keys, spare] = worker.table.keys_for<Key>();
  uint64_t limit = 1;
  for (uint32_t row = 0; row < rows; ++row) {
    set_key(keys[row], batch.session(row), row);
    limit = std::max(limit, batch.session(row) + 1);
  }
  const Key* sorted = sort_by_row(keys.data(), spare.data(), rows, limit);
  for (const Key *first = sorted, *end = sorted + rows; first < end;) {
    const Key* last = end_of_row(first, end);
    f(first, last);
    first = last;
  }
}

// Calls f(first, last) with the sorted keys of each session; the order of a key is the row. Rows of a session are in
// batch order, which fixes the order of every sum.
template <class F>
void each_session(const Batch& batch, Worker& worker, F f) {
  if (is_wide(batch.sessions.dtype)) each_session_by<WideKey>(batch, worker, f);
  else each_session_by<uint64_t>(batch, worker, f);
}

// Log-sum-exp of column c over the rows of the other class. In fp64, because an absolute error here becomes a relative
// error of every share.
template <class Key>
double competition(const Batch& batch, const Key* first, const Key* last, uint32_t c) {
  double most = kNone, sum = 0;
  for (const Key* key = first; key < last; ++key) {
    if (batch.label(order_of(*key)) != c) most = std::max(most, double(batch.logit(order_of(*key), c)));
  }
  for (const Key* key = first; key < last; ++key) {
    if (batch.label(order_of(*key)) == c) continue;
    const double logit = batch.logit(order_of(*key), c);
    sum += logit == kNone ? 0 : std::exp(logit - most);
  }
  return sum == 0 ? kNone : most + std::log(sum);
}

void session_log_sum_exp(const BoundInstruction& i, const FixedJob&, Worker& worker) {
  const Batch batch(i);
  const View& out = i.views[3];
  each_session(batch, worker, [&](const auto* first, const auto* last) {
    const float of[2] = {float(competition(batch, first, last, 0)), float(competition(batch, first, last, 1))};
    for (const auto* key = first; key < last; ++key) {
      out.base[order_of(*key) * out.stride] = of[batch.label(order_of(*key))];
    }
  });
}

void session_log_sum_exp_grad(const BoundInstruction& i, const FixedJob&, Worker& worker) {
  const Batch batch(i);
  const View &dy = i.views[3], &dz = i.views[4];
  each_session(batch, worker, [&](const auto* first, const auto* last) {
    double of[2], total[2] = {0, 0};
    bool any[2] = {false, false};
    for (uint32_t c = 0; c < 2; ++c) of[c] = competition(batch, first, last, c);
    for (const auto* key = first; key < last; ++key) {
      const uint32_t row = order_of(*key), c = batch.label(row);
      total[c] += dy.base[row * dy.stride];
      any[c] = true;
    }
    for (const auto* key = first; key < last; ++key) {
      const uint32_t row = order_of(*key), own = batch.label(row), c = 1 - own;
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
