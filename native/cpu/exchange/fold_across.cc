// The sums of all groups, where ranks have some of them each: combine over ranks.
#include <cstring>

#include "cpu/exchange/exchangers.h"
#include "cpu/ops/fold_roots.h"
#include "cpu/tables/tree_order.h"

namespace pairloom {
namespace {

// Each rank adds up an equal slice of the elements, and sends it to all.
class FoldAcross : public Exchanger {
 public:
  explicit FoldAcross(const BoundInstruction& instruction)
      : views_(instruction.views), outputs_(views_.size() / 2), kind_(Combine(uint32_t(instruction.attribute(0)))) {}

  uint32_t rounds() const override { return 2; }
  const char* name(uint32_t round) const override { return round == 0 ? "sums" : "dense"; }
  void begin(const StepContext& step) override {
    step_ = &step;
    received_.resize(step.ranks);
    folded_.resize(floats_of(step.rank));
  }

  uint64_t sends(uint32_t round, uint32_t to) const override {
    return bytes_of(round == 0 ? nodes(step_->rank) * floats_of(to) : floats_of(step_->rank));
  }
  uint64_t receives(uint32_t round, uint32_t from) const override {
    return bytes_of(round == 0 ? nodes(from) * floats_of(step_->rank) : floats_of(from));
  }

  void pack(uint32_t round, uint32_t to, char* bytes) override {
    if (round == 1) return void(std::memcpy(bytes, folded_.data(), sends(1, to)));
    float* at = reinterpret_cast<float*>(bytes);
    for (const FoldNode& node : step_->nodes_of(step_->rank)) {
      sum_node(node, to, at);
      at += floats_of(to);
    }
  }
  void unpack(uint32_t round, uint32_t from, const char* bytes) override {
    const float* at = reinterpret_cast<const float*>(bytes);
    if (round == 0) return void(received_[from].assign(at, at + receives(0, from) / sizeof(float)));
    for (size_t part = 0; part < outputs_; ++part) {
      const Slice slice = slice_of(part, from);
      std::memcpy(views_[outputs_ + part].base + slice.begin, at, bytes_of(slice.size()));
      at += slice.size();
    }
  }

  void finish(uint32_t round) override {
    if (round == 1) return;
    float* to = folded_.data();
    if (kind_ == Combine::kMoments) return fold_moments(to);
    for (size_t part = 0, offset = 0; part < outputs_; ++part) {
      const size_t size = slice_of(part, step_->rank).size();
      fold_sums(offset, size, to + offset);
      offset += size;
    }
  }

 private:
  struct Slice {
    size_t begin, end;
    size_t size() const { return end - begin; }
  };

  static uint64_t bytes_of(uint64_t floats) { return floats * sizeof(float); }
  uint64_t nodes(uint32_t rank) const { return step_->nodes_of(rank).size(); }
  Slice slice_of(size_t part, uint32_t rank) const {
    const size_t size = views_[part].size;
    return {size * rank / step_->ranks, size * (rank + size_t{1}) / step_->ranks};
  }
  uint64_t floats_of(uint32_t rank) const {
    uint64_t floats = 0;
    for (size_t part = 0; part < outputs_; ++part) floats += slice_of(part, rank).size();
    return floats;
  }

  // The roots that this rank's threads have left, of one node.
  std::span<const PartialSums> roots_of(FoldNode node) const {
    const auto inside = [&](const PartialSums& root) {
      return root.node.index << root.node.level >> node.level == node.index;
    };
    const auto first = std::find_if(step_->sums.begin(), step_->sums.end(), inside);
    return {first, std::find_if_not(first, step_->sums.end(), inside)};
  }

  void sum_node(FoldNode node, uint32_t to_rank, float* to) const {
    const std::span<const PartialSums> roots = roots_of(node);
    if (kind_ == Combine::kMoments) {
      const Slice slice = slice_of(0, to_rank);
      for (size_t i = 0; i < slice.size(); ++i) {
        const Moments all = merge_roots(roots, views_[0].offset + slice.begin + i, views_[1].offset + slice.begin + i);
        to[i] = all.mean;
        to[slice.size() + i] = all.m2;
      }
      return;
    }
    for (size_t part = 0; part < outputs_; ++part) {
      const Slice slice = slice_of(part, to_rank);
      sum_roots(*step_->kernels, roots, views_[part].offset + slice.begin, slice.size(), to);
      to += slice.size();
    }
  }

  // Calls work(node, its numbers) for the sums that arrived, in the order of their groups.
  template <class Work>
  void each_node(const Work& work) const {
    for (uint32_t rank = 0; rank < step_->ranks; ++rank) {
      const float* numbers = received_[rank].data();
      for (const FoldNode& node : step_->nodes_of(rank)) {
        work(node, numbers);
        numbers += folded_.size();
      }
    }
  }

  void fold_sums(size_t offset, size_t size, float* to) const {
    std::vector<TreeTerm> terms;
    TreeOrder order;
    each_node([&](FoldNode node, const float* numbers) {
      terms.push_back({numbers + offset, 1.0f, order.folds_before(node.index << node.level)});
    });
    step_->kernels->sum_along_tree(terms.data(), terms.size(), to, size);
    if (kind_ != Combine::kMean) return;
    for (size_t i = 0; i < size; ++i) to[i] /= float(step_->rows);
  }

  // Like sum_along_tree.
  void fold_moments(float* to) const {
    const size_t size = folded_.size() / 2;
    std::vector<Moments> waiting;
    const auto fold = [&] {
      const Moments last = waiting.back();
      waiting.pop_back();
      waiting.back() = merged(waiting.back(), last);
    };
    for (size_t i = 0; i < size; ++i) {
      waiting.clear();
      TreeOrder order;
      each_node([&](FoldNode node, const float* numbers) {
        for (int32_t folds = order.folds_before(node.index << node.level); folds > 0; --folds) fold();
        waiting.push_back({numbers[i], numbers[size + i], step_->rows_of(node)});
      });
      while (waiting.size() > 1) fold();
      to[i] = waiting[0].mean;
      to[size + i] = waiting[0].m2 / float(waiting[0].rows);
    }
  }

  const std::vector<View>& views_;
  const size_t outputs_;
  const Combine kind_;
  const StepContext* step_ = nullptr;
  std::vector<std::vector<float>> received_;  // by rank: for each of its nodes, the slices of this rank
  std::vector<float> folded_;                 // the slices of this rank
};

}  // namespace

std::unique_ptr<Exchanger> fold_across(const BoundInstruction& instruction, std::deque<RowRoute>&) {
  return std::make_unique<FoldAcross>(instruction);
}

}  // namespace pairloom
