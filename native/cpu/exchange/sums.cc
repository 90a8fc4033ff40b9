// Gradients of rows, from the ranks that have looked them up to those that update them.
#include <algorithm>
#include <atomic>
#include <cstring>

#include "cpu/exchange/exchangers.h"
#include "cpu/exchange/row_route.h"
#include "cpu/tables/tree_order.h"
#include "program/error.h"

namespace pairloom {
namespace {

constexpr uint32_t kSumsAhead = 12;

// One sum for each row and node of the sender's groups, to the owners of the rows.
class SumRows : public Exchanger {
 public:
  SumRows(const BoundInstruction& instruction, RowRoute& route)
      : instruction_(instruction), route_(route), dim_(instruction.views.back().size), sums_(route.ranks()) {}

  void begin(const StepContext& step) override { step_ = &step; }

 protected:
  uint64_t bytes_to(uint32_t owner) const { return route_.now().sums_for(owner) * size_for(owner) * sizeof(float); }
  uint64_t bytes_from(uint32_t asker) const {
    return route_.now().asked()[asker].sums * size_for(step_->rank) * sizeof(float);
  }

  void pack_sums(uint32_t to, char* bytes) const {
    const std::vector<FoldNode>& nodes = step_->nodes_of(step_->rank);
    const ColumnRange columns = route_.sums_of(to, dim_);
    std::vector<TreeTerm> terms;
    float* sum = reinterpret_cast<float*>(bytes);
    for (uint32_t u = route_.now().asked_of(to).begin; u < route_.now().asked_of(to).end; ++u) {
      route_.prefetch_sum(instruction_, *step_, u + kSumsAhead);
      for (size_t node = 0; node < nodes.size(); ++node) {
        if ((route_.now().unique()[u].nodes >> node & 1) == 0) continue;
        route_.sum(instruction_, *step_, u, nodes[node], columns, terms, sum);
        sum += columns.size();
      }
    }
  }
  void take_sums(uint32_t from, const char* bytes) { sums_[from] = reinterpret_cast<const float*>(bytes); }

  // Those of all ranks for the rows of this one. Ranks own ascending groups, and so do the nodes of each.
  void collect(ReceivedSums& received) const {
    received.clear();
    for (uint32_t from = 0; from < route_.ranks(); ++from) {
      if (from == step_->rank) route_.add_own(instruction_, *step_, received);
      else add_sums(from, received);
    }
  }

  const BoundInstruction& instruction_;
  RowRoute& route_;
  const size_t dim_;
  const StepContext* step_ = nullptr;

 private:
  uint64_t size_for(uint32_t rank) const { return route_.sums_of(rank, dim_).size(); }
  void add_sums(uint32_t from, ReceivedSums& received) const {
    const RowList::Asked& asked = route_.now().asked()[from];
    const uint64_t size = size_for(step_->rank);
    const float* sum = sums_[from];
    for (size_t i = 0; i < asked.count; ++i) {
      for (size_t node = 0; uint64_t{asked.nodes[i]} >> node != 0; ++node) {
        if ((asked.nodes[i] >> node & 1) == 0) continue;
        const FoldNode of = step_->nodes_of(from)[node];
        received.push_back({asked.rows[i], of.index << of.level, sum, 1.0f});
        sum += size;
      }
    }
  }

  std::vector<const float*> sums_;  // by rank
};

// With the sums travel the columns of rows that updates need, to the other ranks that have these rows.
class ReturnRows : public SumRows {
 public:
  using SumRows::SumRows;

  uint32_t rounds() const override { return 1; }
  const char* name(uint32_t) const override { return "sums"; }
  void begin(const StepContext& step) override {
    SumRows::begin(step);
    if (route_.whole_rows() == nullptr) return;
    route_.list_updated(updated_);
    route_.whole_rows()->list(updated_);
  }
  uint64_t sends(uint32_t, uint32_t to) const override { return bytes_to(to) + bytes_told(step_->rank, to); }
  uint64_t receives(uint32_t, uint32_t from) const override { return bytes_from(from) + bytes_told(from, step_->rank); }
  void pack(uint32_t, uint32_t to, char* bytes) override {
    pack_sums(to, bytes);
    if (bytes_told(step_->rank, to) > 0) route_.whole_rows()->pack(bytes + bytes_to(to));
  }
  void unpack(uint32_t, uint32_t from, const char* bytes) override {
    take_sums(from, bytes);
    if (bytes_told(from, step_->rank) > 0) route_.whole_rows()->take(from, bytes + bytes_from(from));
  }
  void finish(uint32_t) override { collect(route_.received()); }

 private:
  // One of the two is this rank.
  uint64_t bytes_told(uint32_t from, uint32_t to) const {
    const WholeRows* const rows = route_.whole_rows();
    return rows != nullptr && rows->have_same_rows(from) && rows->have_same_rows(to) ? rows->message_bytes(from) : 0;
  }

  std::vector<uint64_t> updated_;
};

// Every rank has all rows: owners add up the sums, and send the results to all. In the first round they also tell how many
// these will be.
class FoldRows : public SumRows {
 public:
  FoldRows(const BoundInstruction& instruction, RowRoute& route) : SumRows(instruction, route), results_(route.ranks()) {}

  uint32_t rounds() const override { return 2; }
  const char* name(uint32_t round) const override { return round == 0 ? "sums" : "dense"; }

  void begin(const StepContext& step) override {
    SumRows::begin(step);
    list_rows();
    results_[step.rank].count = uint32_t(rows_.size());
    folded_.resize(rows_.size() * dim_);
    refused_ = false;
  }

  uint64_t sends(uint32_t round, uint32_t to) const override {
    return round == 0 ? sizeof(uint32_t) + bytes_to(to) : bytes_of_results(step_->rank);
  }
  uint64_t receives(uint32_t round, uint32_t from) const override {
    return round == 0 ? sizeof(uint32_t) + bytes_from(from) : bytes_of_results(from);
  }

  void pack(uint32_t round, uint32_t to, char* bytes) override {
    if (round == 1) return pack_results(bytes);
    std::memcpy(bytes, &results_[step_->rank].count, sizeof(uint32_t));
    pack_sums(to, bytes + sizeof(uint32_t));
  }
  void unpack(uint32_t round, uint32_t from, const char* bytes) override {
    if (round == 1) return void(results_[from].bytes = bytes);
    std::memcpy(&results_[from].count, bytes, sizeof(uint32_t));
    if (results_[from].count > route_.shard().map.owned_by(from)) results_[from].count = 0, refused_ = true;
    take_sums(from, bytes + sizeof(uint32_t));
  }
  void finish(uint32_t round) override {
    if (round == 0) fold();
    else take_results();
  }
  void check() const override {
    if (!refused_) return;
    throw Error({"a rank sent sums of rows that it does not add up", "exchange of sums", "", "",
                 "Report this: ranks must agree on which of them adds up which rows."});
  }

 private:
  struct Results {
    uint32_t count = 0;
    const char* bytes = nullptr;  // places, counted from the first of the rank, then sums
  };

  uint64_t bytes_of_results(uint32_t rank) const {
    return results_[rank].count * (route_.id_bytes() + dim_ * sizeof(float));
  }

  // Of this rank's rows, those that get a gradient on any rank.
  void list_rows() {
    route_.list_updated(rows_);
    std::sort(rows_.begin(), rows_.end());
    rows_.erase(std::unique(rows_.begin(), rows_.end()), rows_.end());
  }

  void fold() {
    collect(collected_);
    std::stable_sort(collected_.begin(), collected_.end(),
                     [](const ReceivedSum& a, const ReceivedSum& b) { return a.row < b.row; });
    std::vector<TreeTerm> terms;
    auto next = collected_.begin();
    for (size_t i = 0; i < rows_.size(); ++i) {
      terms.clear();
      TreeOrder order;
      for (; next != collected_.end() && next->row == rows_[i]; ++next) {
        terms.push_back({next->grad, next->scale, order.folds_before(next->group)});
      }
      step_->kernels->sum_along_tree(terms.data(), terms.size(), &folded_[i * dim_], dim_);
    }
  }

  void pack_results(char* bytes) const {
    for (const uint64_t row : rows_) {
      route_.write_place(row, bytes);
      bytes += route_.id_bytes();
    }
    if (!folded_.empty()) std::memcpy(bytes, folded_.data(), folded_.size() * sizeof(float));
  }

  void take_results() {
    ReceivedSums& received = route_.received();
    received.clear();
    for (uint32_t from = 0; from < route_.ranks(); ++from) {
      const auto& [count, bytes] = results_[from];
      const bool own = from == step_->rank;
      const float* sums = own ? folded_.data() : reinterpret_cast<const float*>(bytes + count * route_.id_bytes());
      for (uint32_t i = 0; i < count; ++i) {
        const uint64_t place = own ? rows_[i] : route_.read_place(bytes + i * route_.id_bytes());
        if (place >= route_.shard().map.owned_by(from)) return void(refused_ = true);
        received.push_back({route_.shard().map.row_at(route_.shard().map.begin(from) + place), 0, sums + i * dim_, 1.0f});
      }
    }
  }

  std::vector<uint64_t> rows_;  // places, counted from the first of this rank
  std::vector<float> folded_;
  ReceivedSums collected_;
  std::vector<Results> results_;  // by rank
  std::atomic<bool> refused_{false};
};

}  // namespace

void return_rows(const BoundInstruction& instruction, std::deque<RowRoute>& routes, ExchangeStage& stage) {
  stage.add(std::make_unique<ReturnRows>(instruction, routes[size_t(instruction.attribute(kRoute))]));
}
void fold_rows(const BoundInstruction& instruction, std::deque<RowRoute>& routes, ExchangeStage& stage) {
  stage.add(std::make_unique<FoldRows>(instruction, routes[size_t(instruction.attribute(kRoute))]));
}

}  // namespace pairloom
