// The balanced tree along which threads add partial results (docs/design/program-format.md, "Accumulation groups").
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <span>
#include <utility>
#include <vector>

namespace pairloom {

// A node: 2^level leaves, the first of which is index << level.
struct FoldNode {
  uint32_t level, index;
};

// The leaves [begin, end) of a tree: all of them, or those of one rank.
struct Leaves {
  uint32_t begin, end;

  uint32_t count() const { return end - begin; }
  bool operator==(const Leaves&) const = default;
};

// The largest nodes of a tree of `all` leaves that have no others than these, ascending: at most two of a level.
std::vector<FoldNode> whole_nodes(uint32_t all, Leaves leaves);

// The nodes that threads compute one by one, ascending: large ones first, which need little folding, and single leaves
// in the end, so that threads finish together. No node is above `most_level`.
std::vector<FoldNode> guided_nodes(Leaves leaves, uint32_t threads, uint32_t most_level);

// guided_nodes, computed again only when the arguments change.
class GuidedNodes {
 public:
  const std::vector<FoldNode>& of(Leaves leaves, uint32_t threads, uint32_t most_level) {
    const std::array<uint32_t, 4> made_for{leaves.begin, leaves.end, threads, most_level};
    if (made_for != std::exchange(made_for_, made_for)) nodes_ = guided_nodes(leaves, threads, most_level);
    return nodes_;
  }

 private:
  std::array<uint32_t, 4> made_for_{};
  std::vector<FoldNode> nodes_;
};

// Threads compute nodes in ascending order, each into a copy of the partial results that it takes here. The thread that
// completes the second child of a node folds both, so that few copies exist at a time. Folding stops at as many roots
// as there are threads: what is left to add is then cut by elements, which keeps all threads busy. It also stops at a
// node whose sibling has leaves of another rank.
class FoldTree {
 public:
  struct Root {
    FoldNode node;
    uint32_t copy;
  };

  explicit FoldTree(uint32_t threads) : threads_(threads) {}

  // Makes room for folding any `most_own` or fewer of up to `most_leaves` leaves.
  void reserve(uint32_t most_leaves, uint32_t most_own);
  uint32_t copies() const { return copies_; }

  // Begins a stage: some of `leaves` leaves. No thread may be folding.
  void begin(uint32_t leaves, Leaves own);

  // A copy that no other thread uses.
  uint32_t take();

  // Gives the finished node in `copy`, which is not above the roots, to the tree. fold(into, other, node): adds
  // `other`, which holds the sibling of `node`, to `into`, which holds `node`.
  template <class Fold>
  void finish(FoldNode node, uint32_t copy, Fold&& fold) {
    for (; node.level < root_level_; ++node.level, node.index /= 2) {
      const FoldNode other{node.level, node.index ^ 1};
      if (!exists(other)) continue;  // a missing sibling passes the node through
      if (!owns(other)) break;
      const uint32_t sibling = waiting(node).exchange(copy + 1, std::memory_order_acq_rel);
      if (sibling == 0) return;  // the thread that finishes the sibling goes on
      fold(copy, sibling - 1, node);
      release(sibling - 1);
    }
    found_[first_leaf(node) - own_.begin] = {node, copy + 1};
  }

  // The roots, in the order of their leaves, once every leaf is finished.
  std::span<const Root> roots();

  // The most copies that were in use at once since reserve().
  uint32_t most_used() const { return most_used_; }

 private:
  // Copies that folding the leaves of a whole tree needs at most: R + sum over levels j below the roots of
  // min(R 2^j, threads), for R roots. At most T (1 + log2(leaves / T)) + log2(T) for T threads.
  uint32_t copies_for(uint32_t leaves) const;
  // The same for leaves that are no whole tree: at most two more roots of each level.
  uint32_t copies_for_part(uint32_t leaves) const;
  static uint64_t first_leaf(FoldNode node) { return uint64_t{node.index} << node.level; }
  bool exists(FoldNode node) const { return first_leaf(node) < leaves_; }
  bool owns(FoldNode node) const {
    const uint64_t end = std::min<uint64_t>(leaves_, first_leaf(node) + (uint64_t{1} << node.level));
    return first_leaf(node) >= own_.begin && end <= own_.end;
  }
  // The first of two siblings leaves its copy, plus one, for the second.
  std::atomic<uint32_t>& waiting(FoldNode node) { return waiting_[(1u << (depth_ - node.level - 1)) + node.index / 2]; }
  void release(uint32_t copy);

  uint32_t threads_, leaves_ = 0, depth_ = 0, root_level_ = 0, most_used_ = 0;
  Leaves own_{0, 0};
  std::vector<std::atomic<uint32_t>> waiting_;
  std::vector<Root> found_, roots_;  // by first leaf, the copy plus one; and those that there are
  std::vector<uint32_t> free_;
  uint32_t copies_ = 0;
  std::mutex mutex_;  // of free_
};

}  // namespace pairloom
