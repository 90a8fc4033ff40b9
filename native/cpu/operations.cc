// The table of the operations that the CPU runs. The families are included in this file so that the compiler sees every
// row: an operation without a row does not compile.
#include <span>

#include "cpu/ops/source.cc"
#include "cpu/ops/embedding.cc"
#include "cpu/ops/linear.cc"
#include "cpu/ops/elementwise.cc"
#include "cpu/ops/interaction.cc"
#include "cpu/ops/metric.cc"
#include "cpu/ops/normalization.cc"
#include "cpu/ops/loss.cc"
#include "cpu/ops/sequence.cc"
#include "cpu/ops/attention.cc"
#include "cpu/ops/session.cc"
#include "cpu/ops/combine.cc"
#include "cpu/ops/dense_update.cc"
#include "cpu/ops/table.cc"
#include "cpu/ops/exchange.cc"
#include "program/rules.generated.h"

namespace pairloom {
namespace {

constexpr std::span<const CpuOperation> kFamilies[] = {
    source_ops::kOperations,        embedding_ops::kOperations,    linear_ops::kOperations,
    elementwise_ops::kOperations,   interaction_ops::kOperations,  metric_ops::kOperations,
    normalization_ops::kOperations, loss_ops::kOperations,         session_ops::kOperations,
    combine_ops::kOperations,       dense_update_ops::kOperations, table_ops::kOperations,
    exchange_ops::kOperations,      sequence_ops::kOperations,   attention_ops::kOperations,
};

constexpr const CpuOperation* find_row(Opcode opcode) {
  for (std::span<const CpuOperation> family : kFamilies) {
    for (const CpuOperation& row : family) {
      if (row.opcode == opcode) return &row;
    }
  }
  return nullptr;
}

constexpr bool runs(const Rule& rule) {
  const CpuOperation* row = find_row(rule.opcode);
  if (row == nullptr) return false;
  if (rule.placement == Placement::kExchange) return row->exchange != nullptr;
  return rule.placement == Placement::kFixed ? row->fixed != nullptr : row->tile != nullptr;
}

constexpr bool runs_every_operation() {
  for (const Rule& rule : kRules) {
    if (!runs(rule)) return false;
  }
  return true;
}

static_assert(runs_every_operation(), "an operation of program/rules.generated.h has no row in cpu/ops/");

}  // namespace

const CpuOperation& cpu_operation(Opcode opcode) { return *find_row(opcode); }

}  // namespace pairloom
