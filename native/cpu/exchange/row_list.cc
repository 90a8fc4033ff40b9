#include "cpu/exchange/row_list.h"

#include <algorithm>
#include <bit>

#include "cpu/tables/each_row.h"

namespace pairloom {
namespace {

template <class T>
void hold(std::vector<T>& items, size_t count) {
  if (items.size() < count) items.resize(count);
}

}  // namespace

void RowList::list(std::span<const View> ids, const StepContext& step) {
  collect(ids, step);
  if (table_.count() <= kNarrowRows) list_unique<uint64_t>();
  else list_unique<WideKey>();
  find_nodes(step.nodes_of(step.rank));
  find_owners();
}

// In the order of groups, pairs, samples, positions in bags.
void RowList::collect(std::span<const View> ids, const StepContext& step) {
  occurrences_.clear();
  places_.clear();
  for (uint32_t group = step.own_groups().begin; group < step.own_groups().end; ++group) {
    const uint32_t begin = step.first_row(group), end = step.first_row(group + 1);
    for (uint32_t column = 0; column < columns_; ++column) {
      if (is_wide(ids[column].dtype)) collect_samples<int64_t>(ids[column], column, begin, end, group);
      else collect_samples<int32_t>(ids[column], column, begin, end, group);
    }
  }
}

template <class Id>
void RowList::collect_samples(const View& ids, uint32_t column, uint32_t begin, uint32_t end, uint32_t group) {
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
void RowList::list_unique() {
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
void RowList::write_indices(std::span<const View> ids, std::span<const View> indices, const StepContext& step) {
  for (uint32_t column = 0; column < columns_; ++column) {
    const View& out = indices[column];
    for (uint32_t b = step.own_begin(); is_bag(out.dtype) && b < step.own_end(); ++b) {
      reinterpret_cast<Bag*>(out.base)[b] = bags_of(ids[column])[b];
    }
  }
  for (size_t i = 0; i < occurrences_.size(); ++i) {
    const Occurrence& occurrence = occurrences_[i];
    const View& out = indices[occurrence.column];
    if (!is_bag(out.dtype)) reinterpret_cast<int32_t*>(out.base)[occurrence.sample] = local_[i];
    else if (occurrence.at == 0) reinterpret_cast<Bag*>(out.base)[occurrence.sample].data = &local_[i];
  }
}

void RowList::find_nodes(const std::vector<FoldNode>& nodes) {
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

void RowList::find_owners() {
  const auto first_from = [&](uint64_t place) {
    const auto before = [](const Unique& unique, uint64_t of) { return unique.place < of; };
    return uint32_t(std::lower_bound(unique_.begin(), unique_.end(), place, before) - unique_.begin());
  };
  for (uint32_t owner = 0; owner < owned_.size(); ++owner) {
    owned_[owner] = {first_from(table_.begin(owner)), first_from(table_.end(owner))};
  }
  for (uint32_t owner = 0; owner < owned_.size(); ++owner) {
    sums_for_[owner] = 0;
    for (uint32_t u = asked_of(owner).begin; u < asked_of(owner).end; ++u) {
      sums_for_[owner] += uint32_t(std::popcount(unique_[u].nodes));
    }
  }
}

}  // namespace pairloom
