// Rows of tables to the ranks that look them up, and their gradients back.
#include <atomic>
#include <bit>
#include <cstring>
#include <map>

#include "cpu/exchange/exchangers.h"
#include "cpu/exchange/row_route.h"
#include "cpu/tables/each_row.h"
#include "cpu/translator.h"
#include "program/error.h"

namespace pairloom {
namespace {

// Counts, ids, rows.
class FetchRows : public Exchanger {
 public:
  FetchRows(const BoundInstruction& instruction, RowRoute& route)
      : table_(instruction.views[0]),
        route_(route),
        wide_(route.shard().map.rows > kNarrowRows),
        row_bytes_(table_.dims[1] * bytes_of(table_.dtype)) {}

  uint32_t rounds() const override { return 3; }
  const char* name(uint32_t round) const override { return round == 0 ? "counts" : round == 1 ? "ids" : "rows"; }

  void begin(const StepContext& step) override {
    step_ = &step;
    const size_t bytes = route_.unique().size() * row_bytes_;
    if (bytes > memory_.size() * sizeof(float)) memory_ = Arena((bytes + bytes / 2) / sizeof(float) + 1);
    refused_ = false;
  }

  uint64_t sends(uint32_t round, uint32_t to) const override {
    if (round == 0) return sizeof(Counts);
    if (round == 1) return bytes_of_ids(route_.asked_of(to).size(), step_->rank);
    return row_bytes_ * route_.asked()[to].count;
  }
  uint64_t receives(uint32_t round, uint32_t from) const override {
    if (round == 0) return sizeof(Counts);
    if (round == 1) return bytes_of_ids(route_.asked()[from].count, from);
    return row_bytes_ * route_.asked_of(from).size();
  }

  void pack(uint32_t round, uint32_t to, char* bytes) override {
    if (round == 0) {
      const Counts counts{route_.asked_of(to).size(), route_.sums_for(to)};
      std::memcpy(bytes, &counts, sizeof counts);
    } else if (round == 1) {
      pack_ids(to, bytes);
    } else {
      pack_rows(route_.asked()[to], bytes);
    }
  }
  void unpack(uint32_t round, uint32_t from, const char* bytes) override {
    if (round == 0) unpack_counts(from, bytes);
    else if (round == 1) unpack_ids(from, bytes);
    else std::memcpy(row(route_.asked_of(from).begin), bytes, receives(2, from));
  }
  void keep(uint32_t round) override {
    RowRoute::Asked& own = route_.asked()[step_->rank];
    const RowRoute::Range range = route_.asked_of(step_->rank);
    if (round == 1) {
      own.count = range.size();
      own.rows.resize(range.size());
      const uint64_t first = route_.places_of_table().begin(step_->rank);
      for (uint32_t i = 0; i < range.size(); ++i) own.rows[i] = row_at(route_.unique()[range.begin + i].place - first);
    }
    if (round == 2) pack_rows(own, row(range.begin));
  }

  void finish(uint32_t round) override {
    if (round == 2) route_.set_rows(memory_.data());
  }
  void check() const override {
    if (!refused_) return;
    throw Error({"a rank asked for rows that this rank does not have", "exchange of ids", "", "",
                 "Report this: ranks must agree on which of them has which rows."});
  }

 private:
  struct Counts {
    uint32_t rows, sums;
  };

  size_t id_bytes() const { return wide_ ? sizeof(uint64_t) : sizeof(uint32_t); }
  uint64_t bytes_of_ids(uint64_t count, uint32_t asker) const {
    return count * (id_bytes() + (route_.tells_nodes(*step_, asker) ? sizeof(uint32_t) : 0));
  }
  char* row(size_t index) const { return reinterpret_cast<char*>(memory_.data()) + index * row_bytes_; }

  // Ids first, which are places counted from the owner's first, then the nodes.
  void pack_ids(uint32_t to, char* bytes) const {
    const RowRoute::Range range = route_.asked_of(to);
    char* nodes = bytes + range.size() * id_bytes();
    const bool tells = route_.tells_nodes(*step_, step_->rank);
    const uint64_t first = route_.places_of_table().begin(to);
    for (uint32_t u = range.begin; u < range.end; ++u, bytes += id_bytes()) {
      const auto& [at, in_nodes] = route_.unique()[u];
      const uint64_t place = at - first;
      std::memcpy(bytes, &place, id_bytes());  // little-endian: the lower half
      if (tells) std::memcpy(nodes + (u - range.begin) * sizeof(uint32_t), &in_nodes, sizeof(uint32_t));
    }
  }

  void pack_rows(const RowRoute::Asked& asked, char* bytes) const {
    constexpr size_t kRowsAhead = 32;  // to copy a row takes a tenth of the time that it takes to come from memory
    const char* table = reinterpret_cast<const char*>(table_.base);
    for (size_t i = 0; i < asked.count; ++i, bytes += row_bytes_) {
      if (i + kRowsAhead < asked.count) __builtin_prefetch(table + asked.rows[i + kRowsAhead] * row_bytes_);
      if (refused_) std::memset(bytes, 0, row_bytes_);
      else std::memcpy(bytes, table + asked.rows[i] * row_bytes_, row_bytes_);
    }
  }

  // The row of the shard at a place, counted from its first.
  uint64_t row_at(uint64_t place) {
    const std::optional<uint64_t> row = route_.places_of_table().own_row(place);
    if (!row) refused_ = true;
    return row.value_or(0);
  }

  void unpack_counts(uint32_t from, const char* bytes) {
    Counts counts;
    std::memcpy(&counts, bytes, sizeof counts);
    route_.asked()[from].count = counts.rows;
    route_.asked()[from].sums = counts.sums;
  }

  // Nothing that a rank asks for is trusted.
  void unpack_ids(uint32_t from, const char* bytes) {
    RowRoute::Asked& asked = route_.asked()[from];
    const bool tells = route_.tells_nodes(*step_, from);
    asked.rows.resize(asked.count);
    asked.nodes.assign(asked.count, 1);
    if (tells) std::memcpy(asked.nodes.data(), bytes + asked.count * id_bytes(), asked.count * sizeof(uint32_t));
    uint64_t sums = 0;
    for (uint32_t i = 0; i < asked.count; ++i) {
      uint64_t place = 0;
      std::memcpy(&place, bytes + i * id_bytes(), id_bytes());
      asked.rows[i] = row_at(place);
      if (uint64_t{asked.nodes[i]} >> step_->nodes_of(from).size() != 0) refused_ = true;
      sums += uint64_t(std::popcount(asked.nodes[i]));
    }
    if (asked.sums != (route_.returns() ? sums : 0)) refused_ = true;
  }

  const View& table_;
  RowRoute& route_;
  const bool wide_;
  const size_t row_bytes_;
  Arena memory_;
  const StepContext* step_ = nullptr;
  std::atomic<bool> refused_{false};
};

// Once it is known which rows ranks ask for.
class PlaceRows : public Exchanger {
 public:
  explicit PlaceRows(std::vector<RowRoute*> routes) : routes_(std::move(routes)) {}

  uint32_t rounds() const override { return 2; }
  const char* name(uint32_t round) const override { return round == 0 ? "counts" : "ids"; }
  void begin(const StepContext& step) override {
    step_ = &step;
    failure_ = nullptr;
  }
  uint64_t sends(uint32_t, uint32_t) const override { return 0; }
  uint64_t receives(uint32_t, uint32_t) const override { return 0; }
  void pack(uint32_t, uint32_t, char*) override {}
  void unpack(uint32_t, uint32_t, const char*) override {}

  void finish(uint32_t round) override {
    if (round == 0) return;
    try {
      routes_.front()->translator()->place_asked(routes_, *step_);
    } catch (...) {
      failure_ = std::current_exception();
    }
  }
  void check() const override {
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  const std::vector<RowRoute*> routes_;  // of one translation
  const StepContext* step_ = nullptr;
  std::exception_ptr failure_;
};

constexpr uint32_t kSumsAhead = 12;

// One sum for each row and node of the sender's groups.
class ReturnRows : public Exchanger {
 public:
  ReturnRows(const BoundInstruction& instruction, RowRoute& route)
      : instruction_(instruction), route_(route), dim_(instruction.views.back().size), sums_(route.ranks()) {}

  uint32_t rounds() const override { return 1; }
  const char* name(uint32_t) const override { return "sums"; }
  void begin(const StepContext& step) override { step_ = &step; }

  uint64_t sends(uint32_t, uint32_t to) const override { return route_.sums_for(to) * dim_ * sizeof(float); }
  uint64_t receives(uint32_t, uint32_t from) const override {
    return route_.asked()[from].sums * dim_ * sizeof(float);
  }

  void pack(uint32_t, uint32_t to, char* bytes) override {
    const std::vector<FoldNode>& nodes = step_->nodes_of(step_->rank);
    std::vector<TreeTerm> terms;
    float* sum = reinterpret_cast<float*>(bytes);
    for (uint32_t u = route_.asked_of(to).begin; u < route_.asked_of(to).end; ++u) {
      route_.prefetch_sum(instruction_, *step_, u + kSumsAhead);
      for (size_t node = 0; node < nodes.size(); ++node) {
        if ((route_.unique()[u].nodes >> node & 1) == 0) continue;
        route_.sum(instruction_, *step_, u, nodes[node], terms, sum);
        sum += dim_;
      }
    }
  }
  void unpack(uint32_t, uint32_t from, const char* bytes) override {
    sums_[from] = reinterpret_cast<const float*>(bytes);
  }

  // Ranks own ascending groups, and so do the nodes of each.
  void finish(uint32_t) override {
    ReceivedSums& received = route_.received();
    received.clear();
    for (uint32_t from = 0; from < route_.ranks(); ++from) {
      if (from == step_->rank) route_.add_own(instruction_, *step_, received);
      else add_sums(from, received);
    }
  }

 private:
  void add_sums(uint32_t from, ReceivedSums& received) const {
    const RowRoute::Asked& asked = route_.asked()[from];
    const float* sum = sums_[from];
    for (size_t i = 0; i < asked.count; ++i) {
      for (size_t node = 0; uint64_t{asked.nodes[i]} >> node != 0; ++node) {
        if ((asked.nodes[i] >> node & 1) == 0) continue;
        const FoldNode of = step_->nodes_of(from)[node];
        received.push_back({asked.rows[i], of.index << of.level, sum, 1.0f});
        sum += dim_;
      }
    }
  }

  const BoundInstruction& instruction_;
  RowRoute& route_;
  const size_t dim_;
  std::vector<const float*> sums_;  // by rank
  const StepContext* step_ = nullptr;
};

}  // namespace

void fetch_rows(const BoundInstruction& instruction, std::deque<RowRoute>& routes, ExchangeStage& stage) {
  stage.add(std::make_unique<FetchRows>(instruction, routes[size_t(instruction.attribute(kRoute))]));
}
void place_rows(std::deque<RowRoute>& routes, ExchangeStage& stage) {
  std::map<Translator*, std::vector<RowRoute*>> in_frames;
  for (RowRoute& route : routes) {
    if (route.translator() && route.translator()->frames()) in_frames[route.translator()].push_back(&route);
  }
  for (auto& [translator, together] : in_frames) stage.add(std::make_unique<PlaceRows>(std::move(together)));
}
void return_rows(const BoundInstruction& instruction, std::deque<RowRoute>& routes, ExchangeStage& stage) {
  stage.add(std::make_unique<ReturnRows>(instruction, routes[size_t(instruction.attribute(kRoute))]));
}

}  // namespace pairloom
