// The sparse optimizers: each row that occurs in the batch is updated once, with its summed gradient.
#pragma once

#include <array>
#include <cstring>

#include "cpu/exchange/whole_rows.h"
#include "cpu/tables/each_row.h"
#include "cpu/tables/weights.h"

namespace pairloom {

constexpr size_t kMostStates = 2;

// An optimizer state: per table row, a row of the table's width or one number.
struct State {
  float* base = nullptr;
  size_t width = 0;

  State() = default;
  explicit State(const View& view) : base(view.base), width(view.ndims == 2 ? view.dims[1] : 1) {}
  float* row(size_t index) const { return base + index * width; }
};

using States = std::array<float*, kMostStates>;

// Rows of a table and of its states, as taken by each_row. Step: (weights, gradient, states, elements). It is `whole`
// if it works element by element, so that one call may process several rows.
template <bool kWholeRows, class Step>
struct RowUpdate {
  static constexpr bool kWhole = kWholeRows;
  static constexpr Ownership kOwnership = Ownership::kNumber;
  const TableWeights& weights;
  uint8_t* changed;  // a byte per row, or null
  size_t dim;
  std::array<State, kMostStates> states;
  const Step& step;

  bool is_named() const { return weights.is_named(); }
  void prefetch(size_t row) const {
    weights.prefetch(row);
    for (const State& state : states) prefetch_floats(state.row(row), state.width);
  }
  void rows(size_t row, size_t count, const float* gradient) const {
    if (changed != nullptr) std::memset(changed + row, 0xff, count);
    weights.update(row, count, [&](float* w) {
      step(w, gradient, States{states[0].row(row), states[1].row(row)}, count * dim);
    });
  }
};

// The same where this rank has some columns of rows that are updated as whole ones: a row is put together from what the other ranks
// have told, and its own columns of the result are kept.
template <class Step>
struct DividedRowUpdate : RowUpdate<false, Step> {
  const WholeRows& whole;
  const KernelTable& kernels;
  std::vector<float>& scratch;

  void rows(size_t row, size_t, const float* gradient) const {
    if (this->changed != nullptr) this->changed[row] = 0xff;
    this->weights.update(row, 1, [&](float* w) {
      const std::array own{w, this->states[0].row(row), this->states[1].row(row)};
      std::array all = own;
      const size_t place = whole.place_of(row);
      for (size_t m = 0; m < whole.matrices(); ++m) {
        if (!whole.is_divided(m)) continue;
        all[m] = &scratch[m * whole.width()];
        whole.read_others(m, place, kernels, all[m]);
        std::copy_n(own[m], whole.own().size(), all[m] + whole.own().begin);
      }
      this->step(all[0], gradient, States{all[1], all[2]}, whole.width());
      for (size_t m = 0; m < whole.matrices(); ++m) {
        if (whole.is_divided(m)) std::copy_n(all[m] + whole.own().begin, whole.own().size(), own[m]);
      }
    });
  }
};

template <bool kElementwise, class Step>
void update_table(const BoundInstruction& i, const FixedJob& job, Worker& worker, const Step& step) {
  const TableWeights weights(i, i.table, worker);
  RowUpdate<kElementwise, Step> update{weights, i.changed, i.columns.size(), {}, step};
  for (size_t s = 0; s < i.table.states; ++s) update.states[s] = State(i.views[i.table.first_state + s]);
  if constexpr (!kElementwise) {
    if (i.whole != nullptr) {
      std::vector<float>& scratch = worker.table.whole;
      scratch.resize(i.whole->matrices() * i.whole->width());
      return each_row(i, i.table, job, worker, DividedRowUpdate<Step>{update, *i.whole, *worker.step->kernels, scratch});
    }
  }
  each_row(i, i.table, job, worker, update);
}

}  // namespace pairloom
