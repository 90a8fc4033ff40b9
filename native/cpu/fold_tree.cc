#include "cpu/fold_tree.h"

#include <algorithm>
#include <bit>

namespace pairloom {
namespace {

uint32_t depth_of(uint32_t leaves) { return leaves > 1 ? uint32_t(std::bit_width(leaves - 1)) : 0; }

// Levels below the roots: the roots are the largest power of two that is at most the number of threads.
uint32_t level_of_roots(uint32_t leaves, uint32_t threads) {
  const uint32_t depth = depth_of(leaves), roots = uint32_t(std::bit_width(threads)) - 1;
  return depth - std::min(depth, roots);
}

}  // namespace

std::vector<FoldNode> whole_nodes(uint32_t all, Leaves leaves) {
  std::vector<FoldNode> nodes;
  for (uint64_t first = leaves.begin; first < leaves.end;) {
    const auto holds = [&](uint32_t level) {
      const uint64_t size = uint64_t{1} << level;
      return first % size == 0 && (first + size <= leaves.end || leaves.end == all);
    };
    uint32_t level = 0;
    while (level < depth_of(all) && holds(level + 1)) ++level;
    nodes.push_back({level, uint32_t(first >> level)});
    first += uint64_t{1} << level;
  }
  return nodes;
}

std::vector<FoldNode> guided_nodes(Leaves leaves, uint32_t threads, uint32_t most_level) {
  std::vector<FoldNode> nodes;
  for (uint32_t first = leaves.begin; first < leaves.end;) {
    uint32_t level = most_level;
    const auto too_large = [&] { return leaves.end - first <= uint64_t{threads} * ((1u << level) - 1); };
    while (level > 0 && (too_large() || first % (1u << level) != 0)) --level;
    nodes.push_back({level, first >> level});
    first += 1u << level;
  }
  return nodes;
}

uint32_t FoldTree::copies_for(uint32_t leaves) const {
  if (leaves == 0) return 0;
  const uint32_t levels = level_of_roots(leaves, threads_);
  const uint32_t roots = uint32_t((uint64_t{leaves} + (uint64_t{1} << levels) - 1) >> levels);
  uint32_t copies = roots;
  for (uint32_t level = 0; level < levels; ++level) {
    copies += uint32_t(std::min(uint64_t{std::min(roots, threads_)} << level, uint64_t{threads_}));
  }
  return copies;
}

uint32_t FoldTree::copies_for_part(uint32_t leaves) const {
  const uint32_t level = level_of_roots(leaves, threads_);
  const uint64_t copies = (uint64_t{leaves} >> level) + 2 * level + 1 + uint64_t{threads_} * (level + 1);
  return uint32_t(std::min<uint64_t>(copies, leaves));  // each copy has a leaf of its own
}

void FoldTree::reserve(uint32_t most_leaves, uint32_t most_own) {
  // One leaf more than a power of two can need fewer copies than the power, for its tree has half as many roots.
  copies_ = std::max(copies_for(most_own), copies_for(std::bit_floor(most_own)));
  if (most_own < most_leaves) {
    for (const uint32_t leaves : {most_own, std::bit_floor(most_own)}) {
      copies_ = std::max(copies_, copies_for_part(leaves));
    }
  }
  most_used_ = 0;
  waiting_ = std::vector<std::atomic<uint32_t>>(most_leaves > 0 ? size_t{1} << depth_of(most_leaves) : 0);
  found_.reserve(most_own);
  roots_.reserve(most_own);
  free_.reserve(copies_);
}

void FoldTree::begin(uint32_t leaves, Leaves own) {
  leaves_ = leaves;
  own_ = own;
  depth_ = depth_of(leaves);
  root_level_ = level_of_roots(own.count(), threads_);
  for (size_t i = 0; i < size_t{1} << depth_; ++i) waiting_[i].store(0, std::memory_order_relaxed);
  found_.assign(own.count(), {{0, 0}, 0});
  free_.clear();
  for (uint32_t copy = copies_; copy > 0; --copy) free_.push_back(copy - 1);
}

std::span<const FoldTree::Root> FoldTree::roots() {
  roots_.clear();
  for (const auto& [node, copy] : found_) {
    if (copy > 0) roots_.push_back({node, copy - 1});
  }
  return roots_;
}

uint32_t FoldTree::take() {
  const std::lock_guard lock(mutex_);
  const uint32_t copy = free_.back();  // never empty: see copies_for
  free_.pop_back();
  most_used_ = std::max(most_used_, copies_ - uint32_t(free_.size()));
  return copy;
}

void FoldTree::release(uint32_t copy) {
  const std::lock_guard lock(mutex_);
  free_.push_back(copy);
}

}  // namespace pairloom
