#include <bit>
#include <cmath>
#include <string>
#include <vector>

#include "cpu/fold_tree.h"
#include "tests/random.h"
#include "tests/test.h"

namespace pairloom {
namespace {

std::string sum_of(const std::string& a, const std::string& b) {
  return a.empty() ? b : b.empty() ? a : "(" + a + "+" + b + ")";
}

// Level by level; an empty text is a leaf that does not exist.
std::string balanced_sum(std::vector<std::string> level) {
  while (level.size() > 1) {
    std::vector<std::string> above;
    for (size_t i = 0; i < level.size(); i += 2)
      above.push_back(sum_of(level[i], i + 1 < level.size() ? level[i + 1] : ""));
    level = std::move(above);
  }
  return level[0];
}

// What threads that finish their leaves in any order leave in the roots, as text.
std::vector<std::string> fold(FoldTree& tree, uint32_t leaves, Leaves own, uint32_t threads, test::Random& random) {
  struct Working {
    FoldNode node;
    uint32_t copy;
  };
  std::vector<std::string> held(tree.copies());
  std::vector<Working> working;
  const std::vector<FoldNode> nodes = guided_nodes(own, threads, random.below(3));
  tree.begin(leaves, own);
  for (size_t next = 0; next < nodes.size() || !working.empty();) {
    if (next < nodes.size() && working.size() < threads) {
      const FoldNode node = nodes[next++];
      std::vector<std::string> texts;
      for (uint32_t leaf = node.index << node.level; leaf < (node.index + 1) << node.level; ++leaf) {
        texts.push_back(std::to_string(leaf));
      }
      working.push_back({node, tree.take()});
      held[working.back().copy] = balanced_sum(texts);
      continue;
    }
    const size_t done = random.below(uint32_t(working.size()));
    const auto [node, copy] = working[done];
    working.erase(working.begin() + ptrdiff_t(done));
    tree.finish(node, copy, [&](uint32_t into, uint32_t other, FoldNode at) {
      held[into] = at.index % 2 == 0 ? sum_of(held[into], held[other]) : sum_of(held[other], held[into]);
      held[other] = "free";
    });
  }
  std::vector<std::string> roots;
  for (const auto& [node, copy] : tree.roots()) roots.push_back(held[copy]);
  return roots;
}

}  // namespace

TEST(groups_are_added_along_a_balanced_tree_in_few_copies) {
  test::Random random(1);
  for (uint32_t round = 0; round < 400; ++round) {
    const uint32_t threads = 1 + random.below(20), most = 1 + random.below(150);
    FoldTree tree(threads);
    tree.reserve(most, most);
    const double working = std::min(threads, most);
    const double bound = working * (1 + std::log2(std::bit_ceil(most) / working)) + std::log2(working);
    for (const uint32_t leaves : {most, 1 + random.below(most)}) {
      std::vector<std::string> texts;
      for (uint32_t leaf = 0; leaf < leaves; ++leaf) texts.push_back(std::to_string(leaf));
      CHECK_EQ(balanced_sum(fold(tree, leaves, {0, leaves}, threads, random)), balanced_sum(texts));
      CHECK(tree.most_used() <= tree.copies());
      CHECK(tree.most_used() <= bound + 1e-9);
    }
  }
}

// Every rank folds its own leaves; what is left is added along the tree, by the first leaves of the roots.
TEST(ranks_fold_the_parts_of_one_tree) {
  test::Random random(2);
  for (uint32_t round = 0; round < 400; ++round) {
    const uint32_t threads = 1 + random.below(9), most = 1 + random.below(150), ranks = 1 + random.below(16);
    const uint32_t leaves = 1 + random.below(most);
    FoldTree tree(threads);
    tree.reserve(most, (most + ranks - 1) / ranks);
    std::vector<std::string> texts, level(leaves);
    for (uint32_t leaf = 0; leaf < leaves; ++leaf) texts.push_back(std::to_string(leaf));
    for (uint32_t rank = 0; rank < ranks; ++rank) {
      const Leaves own{rank * leaves / ranks, (rank + 1) * leaves / ranks};
      const auto roots = fold(tree, leaves, own, threads, random);
      const auto found = tree.roots();
      for (size_t i = 0; i < roots.size(); ++i) level[found[i].node.index << found[i].node.level] = roots[i];
      uint32_t covered = own.begin;
      size_t root = 0;
      for (const FoldNode& node : whole_nodes(leaves, own)) {
        CHECK_EQ(node.index << node.level, covered);
        covered = std::min(leaves, covered + (1u << node.level));
        while (root < found.size() && found[root].node.index << found[root].node.level < covered) ++root;
      }
      CHECK_EQ(covered, own.end);
      CHECK_EQ(root, found.size());
      CHECK(tree.most_used() <= tree.copies());
    }
    CHECK_EQ(balanced_sum(level), balanced_sum(texts));
  }
}

}  // namespace pairloom
