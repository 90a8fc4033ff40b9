// Brings the summed gradient of each row of a table to what updates it, or measures it.
#pragma once

#include <algorithm>
#include <utility>

#include "cpu/bound.h"
#include "runtime/table_layout.h"
#include "cpu/tables/sort.h"
#include "cpu/tables/tree_order.h"
#include "cpu/tables/weights.h"

namespace pairloom {

// A row's weights and state are cache misses: ask for them this many rows before the update.
constexpr size_t kAhead = 16;
constexpr size_t kZeroRun = 1024;                    // floats of rows without gradient that one kernel call takes
constexpr uint64_t kNarrowRows = uint64_t{1} << 32;  // of a table whose rows fit half a sort key

// Rows are dealt into slots: what is counted or summed by slot does not depend on who owns which.
inline uint32_t slot_of(uint64_t row) { return uint32_t(row % kTableSlots); }

// Whether a row belongs to the job. Each slot has one owner; the hash spreads hot neighbours over the jobs.
inline bool owns(const FixedJob& job, uint64_t row) {
  if (job.parts > 1) return ((slot_of(row) * 0x9e3779b1u) >> 16) % job.parts == job.part;
  return row >= job.begin && row < job.end;
}

inline size_t count_terms(const BoundInstruction& instruction, const TableLayout& layout, const StepContext& step) {
  size_t count = 0;
  for (size_t pair = 0; pair < layout.pairs; ++pair) {
    count += count_ids(instruction.views[layout.first_pair + 2 * pair], step.own_begin(), step.own_end());
  }
  return count;
}

// Whether the rows of the job are those of its slots by name, as sums by slot need; otherwise by number, which is
// sooner found.
enum class Ownership { kNumber, kName };

// The rows of a job that are trained.
class OwnedRows {
 public:
  OwnedRows(const FixedJob& job, const RowNames* names, Ownership by)
      : job_(job), by_(by == Ownership::kName ? names : nullptr), first_(names ? names->first_trained() : 0) {}

  bool contains(uint64_t row) const {
    return row >= first_ && owns(job_, by_ != nullptr && job_.parts > 1 ? by_->key_of(row) : row);
  }

 private:
  const FixedJob& job_;
  const RowNames* const by_;
  const uint64_t first_;
};

// Lists the job's occurrences in the order in which the format sums them: groups, pairs, samples, bag positions.
template <class Key>
class TermCollector {
 public:
  TermCollector(const OwnedRows& rows, TableScratch& scratch, size_t most)
      : rows_(rows), terms_(scratch.terms), keys_(scratch.keys_for<Key>().keys) {
    scratch.hold<Key>(most);
  }

  // Those of the samples of a group.
  void add_pair(const View& ids, const View& grad, bool mean, uint32_t group, const StepContext& step) {
    group_ = group;
    const uint32_t begin = step.first_row(group), end = step.first_row(group + 1);
    const bool per_entry = grad.space == Space::kEntries;
    if (is_wide(ids.dtype)) {
      if (per_entry) add_entries<int64_t>(ids, step.entries_of(grad, begin), begin, end);
      else add_samples<int64_t>(ids, grad, mean, begin, end);
    } else {
      if (per_entry) add_entries<int32_t>(ids, step.entries_of(grad, begin), begin, end);
      else add_samples<int32_t>(ids, grad, mean, begin, end);
    }
  }

  // Those that ranks have summed.
  void add_received(const ReceivedSums& sums, size_t skipped) {
    for (const auto& [row, group, grad, scale] : sums) {
      group_ = group;
      add(row, grad + skipped, scale);
    }
  }

  size_t count() const { return count_; }

 private:
  template <class Id>
  void add_samples(const View& ids, const View& grad, bool mean, uint32_t begin, uint32_t end) {
    for (uint32_t b = begin; b < end; ++b) {
      const float* g = grad.base + size_t{b} * grad.stride;
      if (!is_bag(ids.dtype)) {
        add(uint64_t(reinterpret_cast<const Id*>(ids.base)[b]), g, 1.0f);
        continue;
      }
      const Bag& bag = bags_of(ids)[b];
      const float scale = mean && bag.count > 0 ? 1.0f / float(bag.count) : 1.0f;
      for (uint32_t i = 0; i < bag.count; ++i) add(uint64_t(bag.ids<Id>()[i]), g, scale * bag.weight(i));
    }
  }

  // Each id of the bags has a gradient of its own.
  template <class Id>
  void add_entries(const View& ids, Rows grad, uint32_t begin, uint32_t end) {
    for (uint32_t b = begin; b < end; ++b) {
      const Bag& bag = bags_of(ids)[b];
      for (uint32_t i = 0; i < bag.count; ++i, grad.data += grad.stride) {
        add(uint64_t(bag.ids<Id>()[i]), grad.data, 1.0f);
      }
    }
  }

  void add(uint64_t row, const float* grad, float scale) {
    if (!rows_.contains(row)) return;
    set_key(keys_[count_], row, uint32_t(count_));
    terms_[count_] = {grad, scale, group_};
    ++count_;
  }

  const OwnedRows& rows_;
  std::vector<TableTerm>& terms_;
  std::vector<Key>& keys_;
  size_t count_ = 0;
  uint32_t group_ = 0;
};

template <class Key>
struct RowGradients {
  const Key* keys;
  size_t count;
};

template <class Key>
RowGradients<Key> sorted(const BoundInstruction& instruction, size_t count, Worker& worker) {
  auto& [keys, spare] = worker.table.keys_for<Key>();
  return {sort_by_row(keys.data(), spare.data(), count, instruction.views[0].dims[0]), count};
}

template <class Key>
RowGradients<Key> collect(const BoundInstruction& instruction, const TableLayout& layout, const OwnedRows& rows,
                          Worker& worker) {
  const StepContext& step = *worker.step;
  if (instruction.received != nullptr) {
    TermCollector<Key> terms(rows, worker.table, instruction.received->size());
    terms.add_received(*instruction.received, instruction.skipped);
    return sorted<Key>(instruction, terms.count(), worker);
  }
  TermCollector<Key> terms(rows, worker.table, count_terms(instruction, layout, step));
  for (uint32_t group = step.own_groups().begin; group < step.own_groups().end; ++group) {
    for (size_t pair = 0; pair < layout.pairs; ++pair) {
      const size_t operand = layout.first_pair + 2 * pair;
      terms.add_pair(instruction.views[operand], instruction.views[operand + 1],
                     instruction.attribute(layout.first_pooling + pair) == 1, group, step);
    }
  }
  return sorted<Key>(instruction, terms.count(), worker);
}

template <class Key>
const TableTerm& term_of(const Worker& worker, const Key& key) {
  return worker.table.terms[order_of(key)];
}

// The summed gradient of the row whose keys are [begin, end): the only term itself, or a sum in scratch memory.
template <class Key>
const float* sum_terms(Worker& worker, const Key* begin, const Key* end, size_t dim) {
  const TableTerm& first = term_of(worker, *begin);
  if (end - begin == 1 && first.scale == 1.0f) return first.grad;
  TreeTerm* const terms = worker.table.row_terms.data();
  TreeOrder order;
  size_t count = 0;
  for (const Key* key = begin; key < end; ++key) {
    const TableTerm& term = term_of(worker, *key);
    terms[count++] = {term.grad, term.scale, order.folds_before(term.group)};
  }
  worker.step->kernels->sum_along_tree(terms, count, worker.table.sum.data(), dim);
  return worker.table.sum.data();
}

// Bounds on the summed gradient of a row: it is clipped at the limit, then multiplied by the factor.
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

// Update: prefetch(row), rows(first row, count, gradient of count * D), kWhole (one call may take several rows, if they
// have no names: is_named()), kOwnership.
template <class Key, class Update>
void update_occurring(const RowGradients<Key>& found, const Bounds& bounds, Worker& worker, size_t dim,
                      const Update& update) {
  const Key *key = found.keys, *end = key + found.count;
  while (key < end) {
    if (size_t(end - key) > kAhead) {
      update.prefetch(row_of(key[kAhead]));
      prefetch_floats(term_of(worker, key[kAhead]).grad, dim);
    }
    const Key* next = end_of_row(key, end);
    update.rows(row_of(*key), 1, bounds.apply(sum_terms(worker, key, next, dim), dim, worker));
    key = next;
  }
}

template <class Update>
void update_zeros(size_t begin, size_t end, Worker& worker, size_t dim, const Update& update) {
  const size_t run = Update::kWhole && !update.is_named() ? std::max<size_t>(1, kZeroRun / dim) : 1;
  for (size_t row = begin; row < end; row += run) {
    update.rows(row, std::min(run, end - row), worker.table.zeros.data());
  }
}

template <class Key, class Update>
void update_every(const RowGradients<Key>& found, const Bounds& bounds, const FixedJob& job, Worker& worker, size_t dim,
                  const Update& update) {
  size_t done = job.begin;
  for (const Key *key = found.keys, *end = key + found.count; key < end;) {
    const Key* next = end_of_row(key, end);
    update_zeros(done, row_of(*key), worker, dim, update);
    update.rows(row_of(*key), 1, bounds.apply(sum_terms(worker, key, next, dim), dim, worker));
    done = row_of(*key) + size_t{1};
    key = next;
  }
  update_zeros(done, job.end, worker, dim, update);
}

template <class Update>
void each_row(const BoundInstruction& instruction, const TableLayout& layout, const FixedJob& job, Worker& worker,
              const Update& update) {
  const size_t dim = instruction.gradients.size();
  const Bounds bounds(instruction, layout);
  if (worker.table.sum.size() < dim) worker.table.sum.resize(dim);
  if (worker.table.widened.size() < std::max(dim, kZeroRun)) worker.table.widened.resize(std::max(dim, kZeroRun));
  if (worker.table.zeros.size() < std::max(dim, kZeroRun)) worker.table.zeros.resize(std::max(dim, kZeroRun), 0.0f);
  const auto update_found = [&](const auto& found) {
    if (layout.every_row) update_every(found, bounds, job, worker, dim, update);
    else update_occurring(found, bounds, worker, dim, update);
  };
  const OwnedRows rows(job, instruction.names, Update::kOwnership);
  const bool narrow = instruction.views[0].dims[0] <= kNarrowRows;
  if (narrow) update_found(collect<uint64_t>(instruction, layout, rows, worker));
  else update_found(collect<WideKey>(instruction, layout, rows, worker));
}

}  // namespace pairloom
