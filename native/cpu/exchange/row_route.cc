#include "cpu/exchange/row_route.h"

#include <algorithm>

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

template <class T>
void hold(std::vector<T>& items, size_t count) {
  if (items.size() < count) items.resize(count);
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
      owned_(ranks),
      sums_for_(ranks),
      asked_(ranks) {}

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
    const Asked& asked = asked_[from];
    for (uint32_t i = 0; i < asked.count; ++i) {
      const uint32_t nodes = from == shard_.rank ? unique_[asked_of(from).begin + i].nodes : asked.nodes[i];
      if (nodes != 0) rows.push_back(asked.rows[i]);
    }
  }
}

void RowRoute::list(const BoundInstruction& instruction, const StepContext& step) {
  collect(instruction, step);
  if (table_.count() <= kNarrowRows) list_unique<uint64_t>();
  else list_unique<WideKey>();
  write_columns(instruction, step);
  find_nodes(step.nodes_of(step.rank));
  find_owners();
}

// In the order in which the format sums gradients: groups, pairs, samples, positions in bags.
void RowRoute::collect(const BoundInstruction& instruction, const StepContext& step) {
  occurrences_.clear();
  places_.clear();
  for (uint32_t group = step.own_groups().begin; group < step.own_groups().end; ++group) {
    const uint32_t begin = step.first_row(group), end = step.first_row(group + 1);
    for (uint32_t column = 0; column < columns_; ++column) {
      const View& ids = instruction.views[column];
      if (is_wide(ids.dtype)) collect_samples<int64_t>(ids, column, begin, end, group);
      else collect_samples<int32_t>(ids, column, begin, end, group);
    }
  }
}

template <class Id>
void RowRoute::collect_samples(const View& ids, uint32_t column, uint32_t begin, uint32_t end, uint32_t group) {
  const auto add = [&](Id id, uint32_t sample, uint32_t at) {
    occurrences_.push_back({column, sample, at, group});
    places_.push_back(table_.of(uint64_t(id)));
  };
  for (uint32_t b = begin; b < end; ++b) {
    if (!is_bag(ids.dtype)) {
      add(reinterpret_cast<const Id*>(ids.base)[b], b, 0);
      continue;
    }
    const Bag& bag = bags_of(ids)[b];
    for (uint32_t i = 0; i < bag.count; ++i) add(bag.ids<Id>()[i], b, i);
  }
}

template <class Key>
void RowRoute::list_unique() {
  const size_t count = places_.size();
  auto& [keys, spare] = [this]() -> SortKeys<Key>& {
    if constexpr (std::is_same_v<Key, WideKey>) return wide_;
    else return narrow_;
  }();
  hold(keys, count);
  hold(spare, count);
  for (size_t i = 0; i < count; ++i) set_key(keys[i], places_[i], uint32_t(i));
  const Key* sorted = sort_by_row(keys.data(), spare.data(), count, table_.count());
  hold(sorted_, count);
  hold(local_, count);
  unique_.clear();
  begin_.clear();
  for (size_t i = 0; i < count; ++i) {
    if (i == 0 || row_of(sorted[i]) != row_of(sorted[i - 1])) {
      unique_.push_back({row_of(sorted[i]), 0});
      begin_.push_back(uint32_t(i));
    }
    sorted_[i] = order_of(sorted[i]);
    local_[sorted_[i]] = int32_t(unique_.size() - 1);
  }
  begin_.push_back(uint32_t(count));
}

// The indices of a bag follow one another, as its ids did.
void RowRoute::write_columns(const BoundInstruction& instruction, const StepContext& step) {
  for (uint32_t column = 0; column < columns_; ++column) {
    const View &ids = instruction.views[column], &out = instruction.views[columns_ + column];
    for (uint32_t b = step.own_begin(); is_bag(out.dtype) && b < step.own_end(); ++b) {
      reinterpret_cast<Bag*>(out.base)[b] = bags_of(ids)[b];
    }
  }
  for (size_t i = 0; i < occurrences_.size(); ++i) {
    const Occurrence& occurrence = occurrences_[i];
    const View& out = instruction.views[columns_ + occurrence.column];
    if (!is_bag(out.dtype)) reinterpret_cast<int32_t*>(out.base)[occurrence.sample] = local_[i];
    else if (occurrence.at == 0) reinterpret_cast<Bag*>(out.base)[occurrence.sample].data = &local_[i];
  }
}

void RowRoute::find_nodes(const std::vector<FoldNode>& nodes) {
  if (nodes.size() == 1 && returned_ == columns_) {
    for (Unique& unique : unique_) unique.nodes = 1;
    return;
  }
  for (size_t u = 0; u < unique_.size(); ++u) {
    for (uint32_t i = begin_[u]; i < begin_[u + 1]; ++i) {
      const Occurrence& occurrence = occurrences_[sorted_[i]];
      if (!has_gradient(occurrence)) continue;
      uint32_t node = 0;
      while (occurrence.group >> nodes[node].level != nodes[node].index) ++node;
      unique_[u].nodes |= 1u << node;
    }
  }
}

void RowRoute::find_owners() {
  const auto first_from = [&](uint64_t place) {
    const auto before = [](const Unique& unique, uint64_t of) { return unique.place < of; };
    return uint32_t(std::lower_bound(unique_.begin(), unique_.end(), place, before) - unique_.begin());
  };
  for (uint32_t owner = 0; owner < ranks(); ++owner) {
    owned_[owner] = {first_from(table_.begin(owner)), first_from(table_.end(owner))};
  }
  for (uint32_t owner = 0; owner < ranks(); ++owner) {
    sums_for_[owner] = 0;
    for (uint32_t u = asked_of(owner).begin; u < asked_of(owner).end; ++u) {
      sums_for_[owner] += uint32_t(std::popcount(unique_[u].nodes));
    }
  }
}

bool RowRoute::tells_nodes(const StepContext& step, uint32_t rank) const {
  return returned_ > 0 && (returned_ < columns_ || step.nodes_of(rank).size() > 1);
}

RowRoute::Gradient RowRoute::gradient_of(const BoundInstruction& return_rows, const StepContext& step,
                                         const Occurrence& occurrence) {
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
  for (uint32_t i = begin_[unique]; i < begin_[unique + 1]; ++i) {
    const Occurrence& occurrence = occurrences_[sorted_[i]];
    if (!has_gradient(occurrence) || occurrence.group >> node.level != node.index) continue;
    const auto [grad, scale] = gradient_of(return_rows, step, occurrence);
    terms.push_back({grad + columns.begin, scale, order.folds_before(occurrence.group)});
  }
  if (terms.size() == 1 && terms[0].scale == 1.0f) std::memcpy(to, terms[0].x, columns.size() * sizeof(float));
  else step.kernels->sum_along_tree(terms.data(), terms.size(), to, columns.size());
}

void RowRoute::prefetch_sum(const BoundInstruction& return_rows, const StepContext& step, uint32_t unique) const {
  if (unique >= unique_.size()) return;
  const Occurrence& first = occurrences_[sorted_[begin_[unique]]];
  if (has_gradient(first)) prefetch_floats(gradient_of(return_rows, step, first).data, return_rows.views.back().size);
}

void RowRoute::add_own(const BoundInstruction& return_rows, const StepContext& step, ReceivedSums& to) const {
  const Range own = asked_of(shard_.rank);
  const std::vector<uint64_t>& rows = asked_[shard_.rank].rows;
  const uint64_t first = sums_of(shard_.rank, return_rows.views.back().size).begin;
  for (size_t i = 0; i < occurrences_.size(); ++i) {
    const uint32_t unique = uint32_t(local_[i]);
    if (unique < own.begin || unique >= own.end || !has_gradient(occurrences_[i])) continue;
    const auto [grad, scale] = gradient_of(return_rows, step, occurrences_[i]);
    to.push_back({rows[unique - own.begin], occurrences_[i].group, grad + first, scale});
  }
}

}  // namespace pairloom
