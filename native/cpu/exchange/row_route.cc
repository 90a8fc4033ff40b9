#include "cpu/exchange/row_route.h"

#include <algorithm>

#include "cpu/exchange/copy_row.h"
#include "cpu/tables/each_row.h"
#include "cpu/tables/tree_order.h"
#include "cpu/translator.h"

namespace pairloom {
namespace {

SlotMap slot_map_of(const Instruction& i) {
  return {uint64_t(i.attributes[kRouteRows]), uint32_t(i.attributes[kFirstRank]), uint32_t(i.attributes[kOwners]),
          uint32_t(i.attributes[kTurn]), uint32_t(i.attributes[kColumns]),
          {i.attributes.begin() + kStarts, i.attributes.end()}};
}

// Frames of rows that nobody trains have no names.
RowNames names_of(const Translator* translator, const Shard& shard) {
  const RowFrames* const frames = translator ? translator->frames() : nullptr;
  const RowNames* const names = frames ? frames->names() : translator ? translator->row_names() : nullptr;
  return names ? *names : RowNames{nullptr, false, false, &shard};
}

}  // namespace

RowRoute::RowRoute(const Instruction& unique_rows, uint32_t rank, uint32_t ranks, Translator* translator)
    : shard_{slot_map_of(unique_rows), rank},
      copies_(unique_rows.attributes[kCopies] == 1),
      id_bytes_(shard_.map.rows > kNarrowRows ? sizeof(uint64_t) : sizeof(uint32_t)),
      translator_(translator),
      table_(shard_, ranks, translator && !copies_ ? translator->row_names() : nullptr,
             translator ? translator->kept() : nullptr),
      names_(names_of(translator, shard_)),
      columns_(uint32_t(unique_rows.operands.size() / 2)),
      returned_(uint32_t(unique_rows.attributes[kReturned])),
      ranks_(ranks),
      lists_{RowList(table_, columns_, returned_, ranks), RowList(table_, columns_, returned_, ranks)} {}

const RowNames* RowRoute::names() const {
  if (!copies_) return &names_;
  return translator_ ? translator_->row_names() : nullptr;
}

void RowRoute::keep_own(std::vector<uint64_t>& rows) const {
  size_t count = 0;
  for (const uint64_t row : rows) {
    if (const std::optional<uint64_t> own = table_.own_row(table_.of(row) - table_.begin(shard_.rank))) rows[count++] = *own;
  }
  rows.resize(count);
}

void RowRoute::list_updated(std::vector<uint64_t>& rows) const {
  rows.clear();
  for (uint32_t from = 0; from < ranks(); ++from) {
    const RowList::Asked& asked = now().asked()[from];
    const uint32_t first = now().asked_of(from).begin;
    for (uint32_t i = 0; i < asked.count; ++i) {
      const uint32_t nodes = from == shard_.rank ? now().unique()[first + i].nodes : asked.nodes[i];
      if (nodes != 0) rows.push_back(asked.rows[i]);
    }
  }
}

void RowRoute::list(const BoundInstruction& unique_rows, const StepContext& step) {
  const std::span views(unique_rows.views);
  if (!step.asked_ahead) now().list(views.first(columns_), step);
  now().write_indices(views.first(columns_), views.subspan(columns_), step);
}

bool RowRoute::tells_nodes(const StepContext& step, uint32_t rank) const {
  return returned_ > 0 && (returned_ < columns_ || step.nodes_of(rank).size() > 1);
}

RowRoute::Gradient RowRoute::gradient_of(const BoundInstruction& return_rows, const StepContext& step,
                                         const RowList::Occurrence& occurrence) {
  const View &ids = return_rows.views[2 * occurrence.column], &grad = return_rows.views[2 * occurrence.column + 1];
  if (grad.space == Space::kEntries) return {step.entries_of(grad, occurrence.sample).row(occurrence.at), 1.0f};
  const float* const data = grad.base + size_t{occurrence.sample} * grad.stride;
  if (!is_bag(ids.dtype)) return {data, 1.0f};
  const Bag& bag = bags_of(ids)[occurrence.sample];
  const bool mean = return_rows.attribute(1 + occurrence.column) == 1;
  return {data, (mean ? 1.0f / float(bag.count) : 1.0f) * bag.weight(occurrence.at)};
}

void RowRoute::sum(const BoundInstruction& return_rows, const StepContext& step, uint32_t unique, FoldNode node,
                   const ColumnRange& columns, std::vector<TreeTerm>& terms, float* to) const {
  terms.clear();
  TreeOrder order;
  for (const RowList::Occurrence& occurrence : now().occurrences(unique)) {
    if (!now().has_gradient(occurrence) || occurrence.group >> node.level != node.index) continue;
    const auto [grad, scale] = gradient_of(return_rows, step, occurrence);
    terms.push_back({grad + columns.begin, scale, order.folds_before(occurrence.group)});
  }
  if (terms.size() == 1 && terms[0].scale == 1.0f) copy_row(to, terms[0].x, columns.size() * sizeof(float));
  else step.kernels->sum_along_tree(terms.data(), terms.size(), to, columns.size());
}

void RowRoute::prefetch_sum(const BoundInstruction& return_rows, const StepContext& step, uint32_t unique) const {
  if (unique >= now().unique().size()) return;
  const RowList::Occurrence& first = now().occurrences(unique)[0];
  if (now().has_gradient(first)) prefetch_floats(gradient_of(return_rows, step, first).data, return_rows.views.back().size);
}

void RowRoute::add_own(const BoundInstruction& return_rows, const StepContext& step, ReceivedSums& to) const {
  const RowList::Range own = now().asked_of(shard_.rank);
  const std::vector<uint64_t>& rows = now().asked()[shard_.rank].rows;
  const uint64_t first = sums_of(shard_.rank, return_rows.views.back().size).begin;
  for (uint32_t unique = own.begin; unique < own.end; ++unique) {
    for (const RowList::Occurrence& occurrence : now().occurrences(unique)) {
      if (!now().has_gradient(occurrence)) continue;
      const auto [grad, scale] = gradient_of(return_rows, step, occurrence);
      to.push_back({rows[unique - own.begin], occurrence.group, grad + first, scale});
    }
  }
}

}  // namespace pairloom
