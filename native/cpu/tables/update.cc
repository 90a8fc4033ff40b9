#include "cpu/tables/update.h"

#include <cmath>

#include "cpu/tables/each_row.h"
#include "cpu/tables/weights.h"

namespace pairloom {
namespace {

constexpr size_t kMostStates = 2;

// A tensor of an optimizer's state: a row of the table's width for each of the table's, or one number.
struct State {
  float* base = nullptr;
  size_t width = 0;

  State() = default;
  explicit State(const View& view) : base(view.base), width(view.ndims == 2 ? view.dims[1] : 1) {}
  float* row(size_t index) const { return base + index * width; }
};

// Rows of a table and of its state, as each_row takes them. Step: (weights, gradient, first state, second state,
// elements); whole where it works element by element, so that one call may take several rows.
template <bool kWholeRows, class Step>
struct RowUpdate {
  static constexpr bool kWhole = kWholeRows;
  const TableWeights& weights;
  size_t states, dim;
  State state[kMostStates];
  const Step& step;

  void prefetch(size_t row) const {
    weights.prefetch(row);
    for (size_t s = 0; s < states; ++s) prefetch_floats(state[s].row(row), state[s].width);
  }
  void rows(size_t row, size_t count, const float* gradient) const {
    weights.update(row, count, [&](float* w) {
      step(w, gradient, state[0].row(row), state[1].row(row), count * dim);
    });
  }
};

// make_step(kernels, learning rate, layout) gives the step of a RowUpdate.
template <bool kWhole, class MakeStep>
void update_table(const BoundInstruction& i, const FixedJob& job, Worker& worker, const MakeStep& make_step) {
  const TableLayout layout = table_layout(*i.source);
  const TableWeights weights(i, layout, worker);
  const auto step = make_step(*worker.step->kernels, *i.views[1].base, layout);
  RowUpdate<kWhole, decltype(step)> update{weights, layout.states, i.views[0].dims[1], {}, step};
  for (size_t s = 0; s < layout.states; ++s) update.state[s] = State(i.views[2 + s]);
  each_row(i, layout, job, worker, update);
}

FadingSettings fading_settings(const BoundInstruction& i, float l2) {
  const double decay = i.attribute(0);
  return {float(decay), float(1 - decay), float(i.attribute(1)), l2};
}

// Of the Adam family, whose first attributes are the betas and eps.
AdamSettings adam_settings_of(const BoundInstruction& i, const Worker& worker, float l2, double weight_decay) {
  return adam_settings(i.attribute(0), i.attribute(1), i.attribute(2), l2, weight_decay, worker.step->step);
}

}  // namespace

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
  update_table<true>(i, job, worker, [](const KernelTable& k, float lr, const TableLayout& layout) {
    return [&k, lr, l2 = layout.l2](float* w, const float* g, float*, float*, size_t n) { k.sgd(w, g, n, lr, l2); };
  });
}

void table_adagrad(const BoundInstruction& i, const FixedJob& job, Worker& worker) {
  update_table<true>(i, job, worker, [&](const KernelTable& k, float lr, const TableLayout& layout) {
    return [&k, lr, eps = float(i.attribute(0)), l2 = layout.l2](float* w, const float* g, float* sum, float*, size_t n) {
      k.adagrad(w, g, sum, n, lr, eps, l2);
    };
  });
}

void table_row_wise_adagrad(const BoundInstruction& i, const FixedJob& job, Worker& worker) {
  update_table<false>(i, job, worker, [&](const KernelTable& k, float lr, const TableLayout& layout) {
    return [&k, lr, eps = float(i.attribute(0)), l2 = layout.l2](float* w, const float* g, float* sum, float*, size_t n) {
      k.row_wise_adagrad(w, g, sum, n, lr, eps, l2);
    };
  });
}

void table_adam(const BoundInstruction& i, const FixedJob& job, Worker& worker) {
  update_table<true>(i, job, worker, [&](const KernelTable& k, float lr, const TableLayout& layout) {
    return [&k, lr, settings = adam_settings_of(i, worker, layout.l2, 0)](float* w, const float* g, float* m, float* v,
                                                                          size_t n) {
      k.adam(w, g, m, v, n, lr, settings);
    };
  });
}

void table_rmsprop(const BoundInstruction& i, const FixedJob& job, Worker& worker) {
  update_table<true>(i, job, worker, [&](const KernelTable& k, float lr, const TableLayout& layout) {
    return [&k, lr, settings = fading_settings(i, layout.l2)](float* w, const float* g, float* square, float*, size_t n) {
      k.rmsprop(w, g, square, n, lr, settings);
    };
  });
}

void table_adadelta(const BoundInstruction& i, const FixedJob& job, Worker& worker) {
  update_table<true>(i, job, worker, [&](const KernelTable& k, float lr, const TableLayout& layout) {
    return [&k, lr, settings = fading_settings(i, layout.l2)](float* w, const float* g, float* square, float* delta,
                                                              size_t n) {
      k.adadelta(w, g, square, delta, n, lr, settings);
    };
  });
}

void table_lamb(const BoundInstruction& i, const FixedJob& job, Worker& worker) {
  update_table<false>(i, job, worker, [&](const KernelTable& k, float lr, const TableLayout& layout) {
    return [&k, lr, settings = adam_settings_of(i, worker, layout.l2, i.attribute(3))](
               float* w, const float* g, float* m, float* v, size_t n) { k.lamb(w, g, m, v, n, lr, settings); };
  });
}

void table_partial_row_wise_adam(const BoundInstruction& i, const FixedJob& job, Worker& worker) {
  update_table<false>(i, job, worker, [&](const KernelTable& k, float lr, const TableLayout& layout) {
    return [&k, lr, settings = adam_settings_of(i, worker, layout.l2, 0)](float* w, const float* g, float* m, float* v,
                                                                          size_t n) {
      k.partial_row_wise_adam(w, g, m, v, n, lr, settings);
    };
  });
}

void table_partial_row_wise_lamb(const BoundInstruction& i, const FixedJob& job, Worker& worker) {
  update_table<false>(i, job, worker, [&](const KernelTable& k, float lr, const TableLayout& layout) {
    return [&k, lr, settings = adam_settings_of(i, worker, layout.l2, i.attribute(3))](
               float* w, const float* g, float* m, float* v, size_t n) {
      k.partial_row_wise_lamb(w, g, m, v, n, lr, settings);
    };
  });
}

void table_lars_sgd(const BoundInstruction& i, const FixedJob& job, Worker& worker) {
  update_table<false>(i, job, worker, [&](const KernelTable& k, float lr, const TableLayout& layout) {
    const LarsSettings settings{float(i.attribute(0)), float(i.attribute(1)), float(i.attribute(2)), layout.l2};
    return [&k, lr, settings](float* w, const float* g, float* m, float*, size_t n) {
      k.lars_sgd(w, g, m, n, lr, settings);
    };
  });
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
  each_row(i, table_layout(*i.source), job, worker,
           SumSquares{*worker.step->kernels, i.views[0].dims[1], parts});
  for (uint32_t part = 0; part < kTableSumParts; ++part) {
    if (part % job.parts == job.part) i.views.back().base[part] = float(parts[part]);
  }
}

}  // namespace pairloom
