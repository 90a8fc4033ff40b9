// The sums of all groups, where ranks have some of them each: combine over ranks. Each rank adds up an equal slice of the
// elements, and sends it to all.
#include <cstring>

#include "cpu/exchange/exchangers.h"
#include "cpu/ops/fold_roots.h"
#include "cpu/tables/tree_order.h"

namespace pairloom {
namespace {

constexpr size_t kRange = 32768;  // elements of an exchanger, of which there is one job for each rank

struct Slice {
  size_t begin, end;
  size_t size() const { return end - begin; }
};

// What sums and moments have in common. `parts`: the numbers of an element.
class FoldAcross : public Exchanger {
 public:
  FoldAcross(size_t size, size_t parts) : size_(size), parts_(parts) {}

  uint32_t rounds() const override { return 2; }
  const char* name(uint32_t round) const override { return round == 0 ? "sums" : "dense"; }
  void begin(const StepContext& step) override {
    step_ = &step;
    sums_ = step.sums;
    received_.resize(step.ranks);
  }

  uint64_t sends(uint32_t round, uint32_t to) const override {
    return round == 0 ? nodes(step_->rank) * bytes_of(to) : bytes_of(step_->rank);
  }
  uint64_t receives(uint32_t round, uint32_t from) const override {
    return round == 0 ? nodes(from) * bytes_of(step_->rank) : bytes_of(from);
  }

  void pack(uint32_t round, uint32_t to, char* bytes) override {
    float* at = reinterpret_cast<float*>(bytes);
    if (round == 1) return copy_out(slice_of(step_->rank), at);
    const Slice slice = slice_of(to);
    for (const FoldNode& node : step_->nodes_of(step_->rank)) {
      sum_node(roots_of(node), slice, at);
      at += slice.size() * parts_;
    }
  }
  void unpack(uint32_t round, uint32_t from, const char* bytes) override {
    const float* at = reinterpret_cast<const float*>(bytes);
    if (round == 0) received_[from] = at;
    else copy_in(slice_of(from), at);
  }
  void finish(uint32_t round) override {
    if (round == 0) fold(slice_of(step_->rank));
  }

 protected:
  // The numbers of the slice: sums over roots to memory, and the folded ones to and from the outputs.
  virtual void sum_node(std::span<const PartialSums> roots, Slice slice, float* to) const = 0;
  virtual void copy_out(Slice slice, float* to) const = 0;
  virtual void copy_in(Slice slice, const float* from) const = 0;
  virtual void fold(Slice slice) const = 0;

  // Calls own(root) for the sums of this rank, and other(node, numbers of its slice) for those that arrived, in the order
  // of their groups.
  template <class Own, class Other>
  void each_sum(const Own& own, const Other& other) const {
    for (uint32_t rank = 0; rank < step_->ranks; ++rank) {
      if (rank == step_->rank) {
        for (const PartialSums& root : sums_) own(root);
        continue;
      }
      const float* numbers = received_[rank];
      for (const FoldNode& node : step_->nodes_of(rank)) {
        other(node, numbers);
        numbers += slice_of(step_->rank).size() * parts_;
      }
    }
  }

  const StepContext* step_ = nullptr;

 private:
  uint64_t nodes(uint32_t rank) const { return step_->nodes_of(rank).size(); }
  Slice slice_of(uint32_t rank) const {
    return {size_ * rank / step_->ranks, size_ * (rank + size_t{1}) / step_->ranks};
  }
  uint64_t bytes_of(uint32_t rank) const { return slice_of(rank).size() * parts_ * sizeof(float); }

  // The roots that this rank's threads have left, of one node.
  std::span<const PartialSums> roots_of(FoldNode node) const {
    const auto inside = [&](const PartialSums& root) {
      return root.node.index << root.node.level >> node.level == node.index;
    };
    const auto first = std::find_if(sums_.begin(), sums_.end(), inside);
    return {first, std::find_if_not(first, sums_.end(), inside)};
  }

  const size_t size_, parts_;
  std::vector<PartialSums> sums_;  // of the stage before: those of later ones may take their place meanwhile
  std::vector<const float*> received_;  // by rank: for each of its nodes, the slice of this rank
};

// A range of the elements of one result.
class FoldSums : public FoldAcross {
 public:
  FoldSums(const View& sums, float* to, Slice range, bool mean)
      : FoldAcross(range.size(), 1), offset_(sums.offset + range.begin), to_(to + range.begin), mean_(mean) {}

 private:
  void sum_node(std::span<const PartialSums> roots, Slice slice, float* to) const override {
    sum_roots(*step_->kernels, roots, offset_ + slice.begin, slice.size(), to);
  }
  void copy_out(Slice slice, float* to) const override {
    std::memcpy(to, to_ + slice.begin, slice.size() * sizeof(float));
  }
  void copy_in(Slice slice, const float* from) const override {
    std::memcpy(to_ + slice.begin, from, slice.size() * sizeof(float));
  }
  void fold(Slice slice) const override {
    std::vector<TreeTerm> terms;
    TreeOrder order;
    const auto add = [&](FoldNode node, const float* numbers) {
      terms.push_back({numbers, 1.0f, order.folds_before(node.index << node.level)});
    };
    each_sum([&](const PartialSums& root) { add(root.node, root.data + offset_ + slice.begin); }, add);
    float* const to = to_ + slice.begin;
    step_->kernels->sum_along_tree(terms.data(), terms.size(), to, slice.size());
    for (size_t i = 0; mean_ && i < slice.size(); ++i) to[i] /= float(step_->rows);
  }

  const size_t offset_;
  float* const to_;
  const bool mean_;
};

// Means, and behind them the sums of squared deviations, which become variances.
class FoldMoments : public FoldAcross {
 public:
  explicit FoldMoments(const std::vector<View>& views) : FoldAcross(views[0].size, 2), views_(views) {}

 private:
  void sum_node(std::span<const PartialSums> roots, Slice slice, float* to) const override {
    for (size_t i = 0; i < slice.size(); ++i) {
      const Moments all = merge_roots(roots, views_[0].offset + slice.begin + i, views_[1].offset + slice.begin + i);
      to[i] = all.mean;
      to[slice.size() + i] = all.m2;
    }
  }
  void copy_out(Slice slice, float* to) const override {
    std::memcpy(to, mean() + slice.begin, slice.size() * sizeof(float));
    std::memcpy(to + slice.size(), variance() + slice.begin, slice.size() * sizeof(float));
  }
  void copy_in(Slice slice, const float* from) const override {
    std::memcpy(mean() + slice.begin, from, slice.size() * sizeof(float));
    std::memcpy(variance() + slice.begin, from + slice.size(), slice.size() * sizeof(float));
  }
  void fold(Slice slice) const override {
    for (size_t i = 0; i < slice.size(); ++i) {
      const Moments all = fold_element(slice.begin + i, i, slice.size());
      mean()[slice.begin + i] = all.mean;
      variance()[slice.begin + i] = all.m2 / float(all.rows);
    }
  }

  // Like sum_along_tree. `at`: the element among those that arrived.
  Moments fold_element(size_t element, size_t at, size_t size) const {
    std::vector<Moments> waiting;
    TreeOrder order;
    const auto fold = [&] {
      const Moments last = waiting.back();
      waiting.pop_back();
      waiting.back() = merged(waiting.back(), last);
    };
    const auto add = [&](FoldNode node, Moments moments) {
      for (int32_t folds = order.folds_before(node.index << node.level); folds > 0; --folds) fold();
      waiting.push_back(moments);
    };
    each_sum(
        [&](const PartialSums& root) {
          add(root.node, {root.data[views_[0].offset + element], root.data[views_[1].offset + element], root.rows});
        },
        [&](FoldNode node, const float* numbers) {
          add(node, {numbers[at], numbers[size + at], step_->rows_of(node)});
        });
    while (waiting.size() > 1) fold();
    return waiting[0];
  }

  float* mean() const { return views_[2].base; }
  float* variance() const { return views_[3].base; }

  const std::vector<View>& views_;
};

}  // namespace

void fold_across(const BoundInstruction& instruction, std::deque<RowRoute>&, ExchangeStage& stage) {
  const std::vector<View>& views = instruction.views;
  const Combine kind = Combine(uint32_t(instruction.attribute(0)));
  if (kind == Combine::kMoments) return stage.add(std::make_unique<FoldMoments>(views));
  const size_t results = views.size() / 2;
  for (size_t i = 0; i < results; ++i) {
    for (size_t begin = 0; begin < views[i].size; begin += kRange) {
      const Slice range{begin, std::min(begin + kRange, views[i].size)};
      stage.add(std::make_unique<FoldSums>(views[i], views[results + i].base, range, kind == Combine::kMean));
    }
  }
}

}  // namespace pairloom
