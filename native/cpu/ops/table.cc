// Embedding tables: their optimizers, and norms of their gradients. cpu/kernels/table_optimizers.def lists the
// optimizers.
#include <algorithm>
#include <tuple>

#include "cpu/operation.h"
#include "cpu/tables/update.h"
#include "runtime/optimizer_settings.h"

namespace pairloom::table_ops {
namespace {

// The settings of a step, in the form of the kernels' last arguments.
std::tuple<float> l2_only(const BoundInstruction& i, const Worker&) { return {i.table.l2}; }
std::tuple<float, float> eps_and_l2(const BoundInstruction& i, const Worker&) {
  return {float(i.attribute(0)), i.table.l2};
}
std::tuple<AdamSettings> adam_of(const BoundInstruction& i, const Worker& worker) {
  return adam_settings(i.attribute(0), i.attribute(1), i.attribute(2), i.table.l2, 0, worker.step->step);
}
std::tuple<AdamSettings> decaying_adam_of(const BoundInstruction& i, const Worker& worker) {
  return adam_settings(i.attribute(0), i.attribute(1), i.attribute(2), i.table.l2, i.attribute(3), worker.step->step);
}
std::tuple<FadingSettings> fading_of(const BoundInstruction& i, const Worker&) {
  const double decay = i.attribute(0);
  return FadingSettings{float(decay), float(1 - decay), float(i.attribute(1)), i.table.l2};
}
std::tuple<LarsSettings> lars_of(const BoundInstruction& i, const Worker&) {
  return LarsSettings{float(i.attribute(0)), float(i.attribute(1)), float(i.attribute(2)), i.table.l2};
}

template <auto kKernel, auto kSettings, WholeRow kNeeds>
void update(const BoundInstruction& i, const FixedJob& job, Worker& worker) {
  const auto kernel = worker.step->kernels->*kKernel;
  const float lr = *i.views[1].base;
  std::apply(
      [&](const auto&... settings) {
        update_table<kNeeds == WholeRow::kNothing>(i, job, worker, [&](float* w, const float* g, const States& s, size_t n) {
          using Kernel = decltype(kernel);
          if constexpr (std::is_invocable_v<Kernel, float*, const float*, size_t, float, decltype(settings)...>) {
            kernel(w, g, n, lr, settings...);
          } else if constexpr (std::is_invocable_v<Kernel, float*, const float*, float*, size_t, float,
                                                   decltype(settings)...>) {
            kernel(w, g, s[0], n, lr, settings...);
          } else {
            kernel(w, g, s[0], s[1], n, lr, settings...);
          }
        });
      },
      kSettings(i, worker));
}

// Takes the place of an update. The rows of a slot arrive in ascending order, whatever else is in the job; those with
// names wait for their order, but for row 0, which has none and comes first.
struct SumSquares {
  static constexpr bool kWhole = false;
  static constexpr Ownership kOwnership = Ownership::kName;
  const KernelTable& k;
  size_t dim;
  const RowNames* names;
  std::vector<NamedSum>& named;
  double* slots;

  bool is_named() const { return names != nullptr; }
  void prefetch(size_t) const {}
  void rows(size_t row, size_t, const float* g) const {
    const double sum = double(k.sum_squares(g, dim));
    if (names == nullptr || names->is_unknown(row)) slots[slot_of(row)] += sum;
    else named.push_back({names->key_of(row), sum});
  }
  void finish() const {
    std::sort(named.begin(), named.end(), [](const NamedSum& a, const NamedSum& b) { return a.name < b.name; });
    for (const NamedSum& row : named) slots[slot_of(row.name)] += row.sum;
    named.clear();
  }
};

void table_sum_squares(const BoundInstruction& i, const FixedJob& job, Worker& worker) {
  const View& out = i.views.back();
  double slots[kTableSlots] = {};
  const SumSquares sums{*worker.step->kernels, i.gradients.size(), i.names, worker.table.named_sums, slots};
  each_row(i, i.table, job, worker, sums);
  sums.finish();
  for (uint32_t slot = 0; slot < kTableSlots; ++slot) {
    if (job.parts == 1 || owns(job, slot)) out.base[slot] = float(slots[slot]);
  }
}

}  // namespace

constexpr CpuOperation kOperations[] = {
#define TABLE_OPTIMIZER(operation, kernel, settings, whole, parameters) \
  {.opcode = Opcode::k##operation,                                      \
   .fixed = update<&KernelTable::kernel, settings, WholeRow::whole>,    \
   .needs = WholeRow::whole},
#include "cpu/kernels/table_optimizers.def"
#undef TABLE_OPTIMIZER
    {.opcode = Opcode::kTableSumSquares, .fixed = table_sum_squares, .needs = WholeRow::kGradient},
};

}  // namespace pairloom::table_ops
