// Attention among the entries of a row.
#include <algorithm>
#include <cmath>
#include <vector>

#include "cpu/operation.h"

namespace pairloom::attention_ops {
namespace {

// Queries that meet all entries of their row at once. Their scores need this many numbers per entry.
constexpr uint32_t kQueries = 16;

// A matrix without gaps between its rows.
struct Matrix {
  float* data;
  uint32_t rows, columns;

  Rows lines() const { return {data, columns}; }
  ConstRows whole() const { return {data, 0}; }
  Matrix part(uint32_t from, uint32_t count) const { return {data + size_t{from} * columns, count, columns}; }
};

// Takes matrices from the memory of a thread.
class Room {
 public:
  Room(std::vector<float>& memory, size_t floats) : memory_(memory) {
    if (memory_.size() < floats) memory_.resize(floats);
  }
  Matrix take(uint32_t rows, uint32_t columns) {
    float* const data = memory_.data() + used_;
    used_ += size_t{rows} * columns;
    return {data, rows, columns};
  }

 private:
  std::vector<float>& memory_;
  size_t used_ = 0;
};

// The columns of one head in the entries of one row.
struct Head {
  const Tile& t;
  uint32_t row, head, heads, count;

  uint32_t size(const View& view) const { return uint32_t(view.size) / heads; }
  Rows columns(const View& view) const {
    const Rows entries = t.entries_of(view, row);
    return {entries.data + size_t{head} * size(view), entries.stride};
  }
  Matrix copy(const View& view, Room& room) const {
    const Matrix to = room.take(count, size(view));
    const Rows from = columns(view);
    t.kernels.copy({from.data, from.stride}, to.lines(), count, to.columns);
    return to;
  }
  void write(const Matrix& from, const View& view) const {
    t.kernels.copy({from.data, from.columns}, columns(view), count, from.columns);
  }
};

template <class Visit>
void each_head(const BoundInstruction& i, const Tile& t, const Visit& visit) {
  const uint32_t heads = uint32_t(i.attribute(0));
  for (uint32_t row = t.first; row < t.first + t.rows; ++row) {
    const uint32_t count = t.step.count_of(i.views[0], row);
    for (uint32_t head = 0; count > 0 && head < heads; ++head) visit(Head{t, row, head, heads, count});
  }
}

void multiply(const Tile& t, const Matrix& a, const Matrix& b, const Matrix& c, bool transpose_a, bool transpose_b) {
  const uint32_t depth = transpose_a ? a.rows : a.columns;
  t.kernels.batch_matmul(a.whole(), b.whole(), {c.data, 0}, 1, c.rows, c.columns, depth, transpose_a, transpose_b);
}

void add(const Tile& t, const Matrix& x, const Matrix& to) {
  t.kernels.accumulate(to.data, x.data, size_t{x.rows} * x.columns, 1.0f);
}

// Multiplies all numbers by a factor.
void scale(const Tile& t, const Matrix& x, float factor) {
  t.kernels.scale_by(x.data, x.data, size_t{x.rows} * x.columns, factor);
}

float scale_of(uint32_t size) { return 1.0f / std::sqrt(float(size)); }

// The weights of all entries for some scaled queries.
Matrix weights_of(const Tile& t, const Matrix& q, const Matrix& k, const Matrix& room) {
  const Matrix scores{room.data, q.rows, k.rows};
  multiply(t, q, k, scores, false, true);
  t.kernels.softmax({scores.data, scores.columns}, scores.lines(), scores.rows, scores.columns);
  return scores;
}

template <class Visit>
void each_block(uint32_t count, const Visit& visit) {
  for (uint32_t from = 0; from < count; from += kQueries) visit(from, std::min(kQueries, count - from));
}

void attend(const Head& head, const std::vector<View>& v) {
  const Tile& t = head.t;
  const uint32_t n = head.count, keys = head.size(v[0]), values = head.size(v[2]);
  Room room(t.worker.lines, size_t{n} * (2 * keys + 2 * values + kQueries));
  const Matrix q = head.copy(v[0], room), k = head.copy(v[1], room), x = head.copy(v[2], room);
  const Matrix out = room.take(n, values), scores = room.take(kQueries, n);
  scale(t, q, scale_of(keys));
  each_block(n, [&](uint32_t from, uint32_t count) {
    multiply(t, weights_of(t, q.part(from, count), k, scores), x, out.part(from, count), false, false);
  });
  head.write(out, v[4]);
}

// The gradients of a head's entries, and room for what a block of queries adds to them.
struct Gradients {
  Matrix q, k, v, slopes, keys, values;
};

void add_gradients(const Tile& t, const Matrix& dy, const Matrix& q, const Matrix& k, const Matrix& v,
                   const Matrix& scores, const Matrix& dq, const Gradients& to) {
  const Matrix weights = weights_of(t, q, k, scores);
  multiply(t, weights, dy, to.values, true, false);
  add(t, to.values, to.v);
  const Matrix slopes{to.slopes.data, q.rows, k.rows};
  multiply(t, dy, v, slopes, false, true);
  t.kernels.softmax_grad({slopes.data, slopes.columns}, {weights.data, weights.columns}, slopes.lines(), slopes.rows,
                         slopes.columns);
  multiply(t, slopes, k, dq, false, false);
  multiply(t, slopes, q, to.keys, true, false);
  add(t, to.keys, to.k);
}

void attend_grad(const Head& head, const std::vector<View>& v) {
  const Tile& t = head.t;
  const uint32_t n = head.count, keys = head.size(v[1]), values = head.size(v[3]);
  Room room(t.worker.lines, size_t{n} * (5 * keys + 4 * values + 2 * kQueries));
  const Matrix dy = head.copy(v[0], room), q = head.copy(v[1], room), k = head.copy(v[2], room),
               x = head.copy(v[3], room), scores = room.take(kQueries, n);
  const Gradients to{room.take(n, keys),     room.take(n, keys), room.take(n, values),
                     room.take(kQueries, n), room.take(n, keys), room.take(n, values)};
  std::fill_n(to.k.data, size_t{n} * keys, 0.0f);
  std::fill_n(to.v.data, size_t{n} * values, 0.0f);
  scale(t, q, scale_of(keys));
  each_block(n, [&](uint32_t from, uint32_t count) {
    add_gradients(t, dy.part(from, count), q.part(from, count), k, x, scores, to.q.part(from, count), to);
  });
  scale(t, to.q, scale_of(keys));
  head.write(to.q, v[5]);
  head.write(to.k, v[6]);
  head.write(to.v, v[7]);
}

void segment_attention(const BoundInstruction& i, Tile& t) {
  each_head(i, t, [&](const Head& head) { attend(head, i.views); });
}

void segment_attention_grad(const BoundInstruction& i, Tile& t) {
  each_head(i, t, [&](const Head& head) { attend_grad(head, i.views); });
}

}  // namespace

constexpr CpuOperation kOperations[] = {
    {.opcode = Opcode::kSegmentAttention, .tile = segment_attention},
    {.opcode = Opcode::kSegmentAttentionGrad, .tile = segment_attention_grad},
};

}  // namespace pairloom::attention_ops
