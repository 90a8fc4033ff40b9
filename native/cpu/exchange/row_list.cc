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

// Calls visit(id, row of the batch, position in its bag).
template <class Id, class Visit>
void each_id_of(const View& ids, uint32_t begin, uint32_t end, const Visit& visit) {
  for (uint32_t b = begin; b < end; ++b) {
    if (!is_bag(ids.dtype)) {
      visit(uint64_t(reinterpret_cast<const Id*>(ids.base)[b]), b, 0);
      continue;
    }
    const Bag& bag = bags_of(ids)[b];
    for (uint32_t i = 0; i < bag.count; ++i) visit(uint64_t(bag.ids<Id>()[i]), b, i);
  }
}

template <class Visit>
void each_id(const View& ids, uint32_t begin, uint32_t end, const Visit& visit) {
  if (is_wide(ids.dtype)) each_id_of<int64_t>(ids, begin, end, visit);
  else each_id_of<int32_t>(ids, begin, end, visit);
}

}  // namespace

void RowList::list(std::span<const View> ids, const StepContext& step) {
  if (table_.count() <= kNarrowRows) list_by(narrow_, ids, step);
  else list_by(wide_, ids, step);
  find_nodes(step.nodes_of(step.rank));
  find_owners(step.nodes_of(step.rank));
}

template <class Key>
void RowList::list_by(SortKeys<Key>& memory, std::span<const View> ids, const StepContext& step) {
  const size_t count = collect(memory, ids, step);
  list_unique(sort_by_row(memory.keys.data(), memory.spare.data(), count, table_.count()), count);
}

// The keys of all occurrences, in the order of `found_`.
template <class Key>
size_t RowList::collect(SortKeys<Key>& memory, std::span<const View> ids, const StepContext& step) {
  size_t most = 0, count = 0;
  for (uint32_t column = 0; column < columns_; ++column) most += count_ids(ids[column], step.own_begin(), step.own_end());
  hold(memory.keys, most);
  hold(memory.spare, most);
  hold(found_, most);
  for (uint32_t group = step.own_groups().begin; group < step.own_groups().end; ++group) {
    for (uint32_t column = 0; column < columns_; ++column) {
      each_id(ids[column], step.first_row(group), step.first_row(group + 1), [&](uint64_t id, uint32_t sample, uint32_t at) {
        set_key(memory.keys[count], table_.of(id), uint32_t(count));
        found_[count++] = {column, sample, at, group};
      });
    }
  }
  return count;
}

template <class Key>
void RowList::list_unique(const Key* sorted, size_t count) {
  hold(local_, count);
  hold(by_place_, count);
  unique_.clear();
  begin_.clear();
  for (size_t i = 0; i < count; ++i) {
    if (i == 0 || row_of(sorted[i]) != row_of(sorted[i - 1])) {
      unique_.push_back({row_of(sorted[i]), 0});
      begin_.push_back(uint32_t(i));
    }
    by_place_[i] = found_[order_of(sorted[i])];
    local_[order_of(sorted[i])] = int32_t(unique_.size() - 1);
  }
  begin_.push_back(uint32_t(count));
}

// The indices of a bag follow one another, as its ids did.
void RowList::write_indices(std::span<const View> ids, std::span<const View> indices, const StepContext& step) {
  const int32_t* next = local_.data();
  for (uint32_t group = step.own_groups().begin; group < step.own_groups().end; ++group) {
    const uint32_t begin = step.first_row(group), end = step.first_row(group + 1);
    for (uint32_t column = 0; column < columns_; ++column) {
      const View& out = indices[column];
      if (!is_bag(out.dtype)) {
        std::copy_n(next, end - begin, reinterpret_cast<int32_t*>(out.base) + begin);
        next += end - begin;
        continue;
      }
      for (uint32_t b = begin; b < end; ++b) {
        const Bag& bag = bags_of(ids[column])[b];
        reinterpret_cast<Bag*>(out.base)[b] = {next, bag.weights, bag.count, 0};
        next += bag.count;
      }
    }
  }
}

void RowList::find_nodes(const std::vector<FoldNode>& nodes) {
  if (is_in_every_node(nodes)) {
    for (Unique& unique : unique_) unique.nodes = 1;
    return;
  }
  for (uint32_t u = 0; u < unique_.size(); ++u) {
    for (const Occurrence& occurrence : occurrences(u)) {
      if (!has_gradient(occurrence)) continue;
      uint32_t node = 0;
      while (occurrence.group >> nodes[node].level != nodes[node].index) ++node;
      unique_[u].nodes |= 1u << node;
    }
  }
}

void RowList::find_owners(const std::vector<FoldNode>& nodes) {
  const auto first_from = [&](uint64_t place) {
    const auto before = [](const Unique& unique, uint64_t of) { return unique.place < of; };
    return uint32_t(std::lower_bound(unique_.begin(), unique_.end(), place, before) - unique_.begin());
  };
  for (uint32_t owner = 0; owner < owned_.size(); ++owner) {
    owned_[owner] = {first_from(table_.begin(owner)), first_from(table_.end(owner))};
  }
  for (uint32_t owner = 0; owner < owned_.size(); ++owner) {
    const Range asked = asked_of(owner);
    if (is_in_every_node(nodes)) {
      sums_for_[owner] = asked.size();
      continue;
    }
    sums_for_[owner] = 0;
    for (uint32_t u = asked.begin; u < asked.end; ++u) sums_for_[owner] += uint32_t(std::popcount(unique_[u].nodes));
  }
}

}  // namespace pairloom
