#include "tables/update.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "tables/sort.h"
#include "tables/weights.h"

namespace pairloom {
namespace {

// A row's weights and state are cache misses: ask for them this many rows before the update.
constexpr size_t kAhead = 16;
constexpr size_t kZeroRun = 1024;  // floats of rows without gradient that one kernel call takes

const int32_t* ids_of(const View& view) { return reinterpret_cast<const int32_t*>(view.base); }
const Bag* bags_of(const View& view) { return reinterpret_cast<const Bag*>(view.base); }
bool is_bag(const View& view) { return view.stride == kBagWidth; }  // verified: ids have width 1

// Spreads hot neighbours.
uint32_t spread(uint32_t row) { return (row * 0x9e3779b1u) >> 16; }

// Whether a row belongs to the job. Each row has one owner, so the partition changes no bits.
bool owns(const FixedJob& job, uint32_t row) {
  if (job.parts > 1) return spread(row) % job.parts == job.part;
  return row >= job.begin && row < job.end;
}

size_t count_terms(const BoundInstruction& instruction, const TableLayout& layout, uint32_t rows) {
  size_t count = 0;
  for (size_t pair = 0; pair < layout.pairs; ++pair) {
    const View& ids = instruction.views[layout.first_pair + 2 * pair];
    if (!is_bag(ids)) count += rows;
    for (uint32_t b = 0; is_bag(ids) && b < rows; ++b) count += bags_of(ids)[b].count;
  }
  return count;
}

// Lists the job's occurrences in the order in which the format sums them: pairs, samples, bag positions.
class TermCollector {
 public:
  TermCollector(const FixedJob& job, TableScratch& scratch, size_t most) : job_(job), scratch_(scratch) {
    scratch.hold(most);
  }

  void add_pair(const View& ids, const View& grad, bool mean, uint32_t rows) {
    for (uint32_t b = 0; b < rows; ++b) {
      const float* g = grad.base + size_t{b} * grad.stride;
      if (!is_bag(ids)) {
        add(uint32_t(ids_of(ids)[b]), g, 1.0f);
        continue;
      }
      const Bag& bag = bags_of(ids)[b];
      const float scale = mean && bag.count > 0 ? 1.0f / float(bag.count) : 1.0f;
      for (uint32_t i = 0; i < bag.count; ++i) add(uint32_t(bag.ids[i]), g, scale * bag.weight(i));
    }
  }

  size_t count() const { return count_; }

 private:
  void add(uint32_t row, const float* grad, float scale) {
    if (!owns(job_, row)) return;
    scratch_.keys[count_] = uint64_t{row} << 32 | count_;
    scratch_.terms[count_] = {grad, scale};
    ++count_;
  }

  const FixedJob& job_;
  TableScratch& scratch_;
  size_t count_ = 0;
};

struct RowGradients {
  const uint64_t* keys;
  size_t count;
};

RowGradients collect(const BoundInstruction& instruction, const TableLayout& layout, const FixedJob& job,
                     Worker& worker) {
  const uint32_t rows = worker.step->rows;
  TermCollector terms(job, worker.table, count_terms(instruction, layout, rows));
  for (size_t pair = 0; pair < layout.pairs; ++pair) {
    const size_t operand = layout.first_pair + 2 * pair;
    terms.add_pair(instruction.views[operand], instruction.views[operand + 1],
                   instruction.attribute(layout.first_pooling + pair) == 1, rows);
  }
  const uint64_t* sorted =
      sort_by_row(worker.table.keys.data(), worker.table.spare.data(), terms.count(), instruction.views[0].dims[0]);
  return {sorted, terms.count()};
}

uint32_t row_of(uint64_t key) { return uint32_t(key >> 32); }
const TableTerm& term_of(const Worker& worker, uint64_t key) { return worker.table.terms[uint32_t(key)]; }

// The summed gradient of the row whose keys are [begin, end): the only term itself, or a sum in scratch memory.
const float* sum_terms(Worker& worker, const uint64_t* begin, const uint64_t* end, size_t dim) {
  const TableTerm& first = term_of(worker, *begin);
  if (end - begin == 1 && first.scale == 1.0f) return first.grad;
  float* sum = worker.table.sum.data();
  for (size_t d = 0; d < dim; ++d) sum[d] = first.scale * first.grad[d];
  for (const uint64_t* key = begin + 1; key < end; ++key) {
    const TableTerm& term = term_of(worker, *key);
    worker.step->kernels->accumulate(sum, term.grad, dim, term.scale);
  }
  return sum;
}

// What is done to the summed gradient of a row: it is cut off at the limit, then multiplied by the factor.
struct Bounds {
  float limit;  // 0: none
  const float* factor;

  Bounds(const BoundInstruction& instruction, const TableLayout& layout)
      : limit(layout.limit), factor(layout.factor > 0 ? instruction.views[layout.factor].base : nullptr) {}

  const float* apply(const float* gradient, size_t dim, Worker& worker) const {
    const KernelTable& kernels = *worker.step->kernels;
    float* bounded = worker.table.sum.data();
    if (limit > 0) kernels.clip_value(std::exchange(gradient, bounded), bounded, dim, limit);
    if (factor != nullptr) kernels.scale_by(std::exchange(gradient, bounded), bounded, dim, *factor);
    return gradient;
  }
};

// Update: prefetch(row), rows(first row, count, gradient of count * D), whole (one call may take several rows).
template <class Update>
void update_occurring(const RowGradients& found, const Bounds& bounds, Worker& worker, size_t dim,
                      const Update& update) {
  const uint64_t *key = found.keys, *end = key + found.count;
  while (key < end) {
    if (size_t(end - key) > kAhead) {
      update.prefetch(row_of(key[kAhead]));
      prefetch_floats(term_of(worker, key[kAhead]).grad, dim);
    }
    const uint64_t* next = key + 1;
    while (next < end && row_of(*next) == row_of(*key)) ++next;
    update.rows(row_of(*key), 1, bounds.apply(sum_terms(worker, key, next, dim), dim, worker));
    key = next;
  }
}

template <class Update>
void update_zeros(size_t begin, size_t end, Worker& worker, size_t dim, const Update& update) {
  const size_t run = Update::kWhole ? std::max<size_t>(1, kZeroRun / dim) : 1;
  for (size_t row = begin; row < end; row += run) {
    update.rows(row, std::min(run, end - row), worker.table.zeros.data());
  }
}

template <class Update>
void update_every(const RowGradients& found, const Bounds& bounds, const FixedJob& job, Worker& worker, size_t dim,
                  const Update& update) {
  size_t done = job.begin;
  for (const uint64_t *key = found.keys, *end = key + found.count; key < end;) {
    const uint64_t* next = key + 1;
    while (next < end && row_of(*next) == row_of(*key)) ++next;
    update_zeros(done, row_of(*key), worker, dim, update);
    update.rows(row_of(*key), 1, bounds.apply(sum_terms(worker, key, next, dim), dim, worker));
    done = row_of(*key) + size_t{1};
    key = next;
  }
  update_zeros(done, job.end, worker, dim, update);
}

template <class Update>
void update_table(const BoundInstruction& instruction, const TableLayout& layout, const FixedJob& job, Worker& worker,
                  const Update& update) {
  const size_t dim = instruction.views[0].dims[1];
  const Bounds bounds(instruction, layout);
  if (worker.table.sum.size() < dim) worker.table.sum.resize(dim);
  if (worker.table.widened.size() < std::max(dim, kZeroRun)) worker.table.widened.resize(std::max(dim, kZeroRun));
  if (worker.table.zeros.size() < std::max(dim, kZeroRun)) worker.table.zeros.resize(std::max(dim, kZeroRun), 0.0f);
  const RowGradients found = collect(instruction, layout, job, worker);
  if (layout.every_row) update_every(found, bounds, job, worker, dim, update);
  else update_occurring(found, bounds, worker, dim, update);
}

struct Sgd {
  static constexpr bool kWhole = true;
  const KernelTable& k;
  const TableWeights& w;
  size_t dim;
  float lr, l2;
  void prefetch(size_t row) const { w.prefetch(row); }
  void rows(size_t row, size_t count, const float* g) const {
    w.update(row, count, [&](float* weights) { k.sgd(weights, g, count * dim, lr, l2); });
  }
};

struct Adagrad {
  static constexpr bool kWhole = true;
  const KernelTable& k;
  const TableWeights& w;
  float* sum;
  size_t dim;
  float lr, eps, l2;
  void prefetch(size_t row) const {
    w.prefetch(row);
    prefetch_floats(sum + row * dim, dim);
  }
  void rows(size_t row, size_t count, const float* g) const {
    w.update(row, count, [&](float* weights) { k.adagrad(weights, g, sum + row * dim, count * dim, lr, eps, l2); });
  }
};

struct RowWiseAdagrad {
  static constexpr bool kWhole = false;
  const KernelTable& k;
  const TableWeights& w;
  float* sum;
  size_t dim;
  float lr, eps, l2;
  void prefetch(size_t row) const {
    w.prefetch(row);
    prefetch_floats(sum + row, 1);
  }
  void rows(size_t row, size_t, const float* g) const {
    w.update(row, 1, [&](float* weights) { k.row_wise_adagrad(weights, g, sum + row, dim, lr, eps, l2); });
  }
};

struct Adam {
  static constexpr bool kWhole = true;
  const KernelTable& k;
  const TableWeights& w;
  float *m, *v;
  size_t dim;
  float lr;
  AdamSettings settings;
  void prefetch(size_t row) const {
    w.prefetch(row);
    prefetch_floats(m + row * dim, dim);
    prefetch_floats(v + row * dim, dim);
  }
  void rows(size_t row, size_t count, const float* g) const {
    w.update(row, count, [&](float* weights) {
      k.adam(weights, g, m + row * dim, v + row * dim, count * dim, lr, settings);
    });
  }
};

struct Rmsprop {
  static constexpr bool kWhole = true;
  const KernelTable& k;
  const TableWeights& w;
  float* square;
  size_t dim;
  float lr;
  FadingSettings settings;
  void prefetch(size_t row) const {
    w.prefetch(row);
    prefetch_floats(square + row * dim, dim);
  }
  void rows(size_t row, size_t count, const float* g) const {
    w.update(row, count, [&](float* weights) { k.rmsprop(weights, g, square + row * dim, count * dim, lr, settings); });
  }
};

struct Adadelta {
  static constexpr bool kWhole = true;
  const KernelTable& k;
  const TableWeights& w;
  float *square, *delta;
  size_t dim;
  float lr;
  FadingSettings settings;
  void prefetch(size_t row) const {
    w.prefetch(row);
    prefetch_floats(square + row * dim, dim);
    prefetch_floats(delta + row * dim, dim);
  }
  void rows(size_t row, size_t count, const float* g) const {
    w.update(row, count, [&](float* weights) {
      k.adadelta(weights, g, square + row * dim, delta + row * dim, count * dim, lr, settings);
    });
  }
};

struct Lamb {
  static constexpr bool kWhole = false;
  const KernelTable& k;
  const TableWeights& w;
  float *m, *v;
  size_t dim;
  float lr;
  AdamSettings settings;
  void prefetch(size_t row) const {
    w.prefetch(row);
    prefetch_floats(m + row * dim, dim);
    prefetch_floats(v + row * dim, dim);
  }
  void rows(size_t row, size_t, const float* g) const {
    w.update(row, 1, [&](float* weights) { k.lamb(weights, g, m + row * dim, v + row * dim, dim, lr, settings); });
  }
};

struct PartialRowWiseAdam {
  static constexpr bool kWhole = false;
  const KernelTable& k;
  const TableWeights& w;
  float *m, *v;
  size_t dim;
  float lr;
  AdamSettings settings;
  void prefetch(size_t row) const {
    w.prefetch(row);
    prefetch_floats(m + row * dim, dim);
    prefetch_floats(v + row, 1);
  }
  void rows(size_t row, size_t, const float* g) const {
    w.update(row, 1, [&](float* weights) {
      k.partial_row_wise_adam(weights, g, m + row * dim, v + row, dim, lr, settings);
    });
  }
};

struct PartialRowWiseLamb {
  static constexpr bool kWhole = false;
  const KernelTable& k;
  const TableWeights& w;
  float *m, *v;
  size_t dim;
  float lr;
  AdamSettings settings;
  void prefetch(size_t row) const {
    w.prefetch(row);
    prefetch_floats(m + row * dim, dim);
    prefetch_floats(v + row, 1);
  }
  void rows(size_t row, size_t, const float* g) const {
    w.update(row, 1, [&](float* weights) {
      k.partial_row_wise_lamb(weights, g, m + row * dim, v + row, dim, lr, settings);
    });
  }
};

struct LarsSgd {
  static constexpr bool kWhole = false;
  const KernelTable& k;
  const TableWeights& w;
  float* m;
  size_t dim;
  float lr;
  LarsSettings settings;
  void prefetch(size_t row) const {
    w.prefetch(row);
    prefetch_floats(m + row * dim, dim);
  }
  void rows(size_t row, size_t, const float* g) const {
    w.update(row, 1, [&](float* weights) { k.lars_sgd(weights, g, m + row * dim, dim, lr, settings); });
  }
};

// State tensors after the learning rate, and attributes before those that all updates have.
struct TableShape {
  size_t states, settings;
};
TableShape table_shape(Opcode opcode) {
  switch (opcode) {
    case Opcode::kTableSgd: return {0, 0};
    case Opcode::kTableAdam: return {2, 3};
    case Opcode::kTableRmsprop: return {1, 2};
    case Opcode::kTableAdadelta: return {2, 2};
    case Opcode::kTableLamb: return {2, 4};
    case Opcode::kTablePartialRowWiseAdam: return {2, 3};
    case Opcode::kTablePartialRowWiseLamb: return {2, 4};
    case Opcode::kTableLarsSgd: return {1, 3};
    default: return {1, 1};  // the two Adagrads
  }
}

FadingSettings fading_settings(const BoundInstruction& i, float l2) {
  const double decay = i.attribute(0);
  return {float(decay), float(1 - decay), float(i.attribute(1)), l2};
}

}  // namespace

TableLayout table_layout(const Instruction& instruction) {
  const auto& attributes = instruction.attributes;
  if (instruction.opcode == Opcode::kTableSumSquares) {
    return {.pairs = (instruction.operands.size() - 2) / 2,
            .first_pair = 1,
            .first_pooling = 1,
            .stream = 0,
            .l2 = 0,
            .every_row = false,
            .limit = float(attributes[0]),
            .factor = 0};
  }
  const TableShape shape = table_shape(instruction.opcode);
  const size_t first_pooling = shape.settings + 5;
  const bool scaled = attributes[first_pooling - 1] == 1;
  const size_t first_pair = 2 + shape.states + scaled;
  return {.pairs = (instruction.operands.size() - first_pair) / 2,
          .first_pair = first_pair,
          .first_pooling = first_pooling,
          .stream = uint32_t(attributes[first_pooling - 5]),
          .l2 = float(attributes[first_pooling - 4]),
          .every_row = attributes[first_pooling - 3] == 1,
          .limit = float(attributes[first_pooling - 2]),
          .factor = scaled ? first_pair - 1 : 0};
}

AdamSettings adam_settings(double beta1, double beta2, double eps, double l2, double weight_decay, uint64_t step) {
  const double t = double(step) + 1;
  return {.beta1 = float(beta1),
          .beta2 = float(beta2),
          .rest1 = float(1 - beta1),
          .rest2 = float(1 - beta2),
          .eps = float(eps),
          .l2 = float(l2),
          .weight_decay = float(weight_decay),
          .correction1 = float(1 - std::pow(beta1, t)),
          .correction2 = float(1 - std::pow(beta2, t))};
}

void table_sgd(const BoundInstruction& i, const FixedJob& job, Worker& worker) {
  const TableLayout layout = table_layout(*i.source);
  const auto& v = i.views;
  const TableWeights weights(i, layout, worker);
  update_table(i, layout, job, worker, Sgd{*worker.step->kernels, weights, v[0].dims[1], *v[1].base, layout.l2});
}

void table_adagrad(const BoundInstruction& i, const FixedJob& job, Worker& worker) {
  const TableLayout layout = table_layout(*i.source);
  const auto& v = i.views;
  const TableWeights weights(i, layout, worker);
  update_table(i, layout, job, worker,
               Adagrad{*worker.step->kernels, weights, v[2].base, v[0].dims[1], *v[1].base, float(i.attribute(0)),
                       layout.l2});
}

void table_row_wise_adagrad(const BoundInstruction& i, const FixedJob& job, Worker& worker) {
  const TableLayout layout = table_layout(*i.source);
  const auto& v = i.views;
  const TableWeights weights(i, layout, worker);
  update_table(i, layout, job, worker,
               RowWiseAdagrad{*worker.step->kernels, weights, v[2].base, v[0].dims[1], *v[1].base,
                              float(i.attribute(0)), layout.l2});
}

void table_adam(const BoundInstruction& i, const FixedJob& job, Worker& worker) {
  const TableLayout layout = table_layout(*i.source);
  const auto& v = i.views;
  const TableWeights weights(i, layout, worker);
  update_table(i, layout, job, worker,
               Adam{*worker.step->kernels, weights, v[2].base, v[3].base, v[0].dims[1], *v[1].base,
                    adam_settings(i.attribute(0), i.attribute(1), i.attribute(2), layout.l2, 0, worker.step->step)});
}

void table_rmsprop(const BoundInstruction& i, const FixedJob& job, Worker& worker) {
  const TableLayout layout = table_layout(*i.source);
  const auto& v = i.views;
  const TableWeights weights(i, layout, worker);
  update_table(i, layout, job, worker,
               Rmsprop{*worker.step->kernels, weights, v[2].base, v[0].dims[1], *v[1].base,
                       fading_settings(i, layout.l2)});
}

void table_adadelta(const BoundInstruction& i, const FixedJob& job, Worker& worker) {
  const TableLayout layout = table_layout(*i.source);
  const auto& v = i.views;
  const TableWeights weights(i, layout, worker);
  update_table(i, layout, job, worker,
               Adadelta{*worker.step->kernels, weights, v[2].base, v[3].base, v[0].dims[1], *v[1].base,
                        fading_settings(i, layout.l2)});
}

void table_lamb(const BoundInstruction& i, const FixedJob& job, Worker& worker) {
  const TableLayout layout = table_layout(*i.source);
  const auto& v = i.views;
  const TableWeights weights(i, layout, worker);
  update_table(i, layout, job, worker,
               Lamb{*worker.step->kernels, weights, v[2].base, v[3].base, v[0].dims[1], *v[1].base,
                    adam_settings(i.attribute(0), i.attribute(1), i.attribute(2), layout.l2, i.attribute(3),
                                  worker.step->step)});
}

void table_partial_row_wise_adam(const BoundInstruction& i, const FixedJob& job, Worker& worker) {
  const TableLayout layout = table_layout(*i.source);
  const auto& v = i.views;
  const TableWeights weights(i, layout, worker);
  update_table(i, layout, job, worker,
               PartialRowWiseAdam{*worker.step->kernels, weights, v[2].base, v[3].base, v[0].dims[1], *v[1].base,
                                  adam_settings(i.attribute(0), i.attribute(1), i.attribute(2), layout.l2, 0,
                                                worker.step->step)});
}

void table_partial_row_wise_lamb(const BoundInstruction& i, const FixedJob& job, Worker& worker) {
  const TableLayout layout = table_layout(*i.source);
  const auto& v = i.views;
  const TableWeights weights(i, layout, worker);
  update_table(i, layout, job, worker,
               PartialRowWiseLamb{*worker.step->kernels, weights, v[2].base, v[3].base, v[0].dims[1], *v[1].base,
                                  adam_settings(i.attribute(0), i.attribute(1), i.attribute(2), layout.l2,
                                                i.attribute(3), worker.step->step)});
}

void table_lars_sgd(const BoundInstruction& i, const FixedJob& job, Worker& worker) {
  const TableLayout layout = table_layout(*i.source);
  const auto& v = i.views;
  const TableWeights weights(i, layout, worker);
  const LarsSettings settings{float(i.attribute(0)), float(i.attribute(1)), float(i.attribute(2)), layout.l2};
  update_table(i, layout, job, worker,
               LarsSgd{*worker.step->kernels, weights, v[2].base, v[0].dims[1], *v[1].base, settings});
}

namespace {

// Takes the place of an update: the rows of a part come in ascending order, whatever the job has besides.
struct SumSquares {
  static constexpr bool kWhole = false;
  const KernelTable& k;
  size_t dim;
  double* parts;
  void prefetch(size_t) const {}
  void rows(size_t row, size_t, const float* g) const {
    parts[spread(uint32_t(row)) % kTableSumParts] += double(k.sum_squares(g, dim));
  }
};

}  // namespace

void table_sum_squares(const BoundInstruction& i, const FixedJob& job, Worker& worker) {
  double parts[kTableSumParts] = {};
  update_table(i, table_layout(*i.source), job, worker,
               SumSquares{*worker.step->kernels, i.views[0].dims[1], parts});
  for (uint32_t part = 0; part < kTableSumParts; ++part) {
    if (part % job.parts == job.part) i.views.back().base[part] = float(parts[part]);
  }
}

}  // namespace pairloom
