// Rows of tables to the ranks that look them up.
#include <algorithm>
#include <bit>
#include <cstring>
#include <map>

#include "cpu/exchange/copy_row.h"
#include "cpu/exchange/exchangers.h"
#include "cpu/exchange/row_route.h"
#include "cpu/tables/each_row.h"
#include "cpu/translator.h"
#include "program/error.h"

namespace pairloom {
namespace {

// Counts, ids: which rows a rank looks up, to their owners. In the step, unless that was done in the one before; or ahead.
class AskRows : public Exchanger {
 public:
  enum When { kInStep, kAhead };
  explicit AskRows(RowRoute& route, When when = kInStep) : route_(route), when_(when) {}

  uint32_t rounds() const override { return when_ == kInStep && step_->asked_ahead ? 0 : 2; }
  const char* name(uint32_t round) const override { return round == 0 ? "counts" : "ids"; }

  void begin(const StepContext& step) override {
    step_ = &step;
    list_ = when_ == kAhead ? &route_.next() : &route_.now();
    for (RowList::Asked& asked : list_->asked()) asked.refused = false;
  }

  uint64_t sends(uint32_t round, uint32_t to) const override {
    return round == 0 ? sizeof(Counts) : bytes_of_ids(list_->asked_of(to).size(), step_->rank);
  }
  uint64_t receives(uint32_t round, uint32_t from) const override {
    return round == 0 ? sizeof(Counts) : bytes_of_ids(list_->asked()[from].count, from);
  }

  void pack(uint32_t round, uint32_t to, char* bytes) override {
    if (round == 1) return pack_ids(to, bytes);
    const Counts counts{list_->asked_of(to).size(), list_->sums_for(to)};
    std::memcpy(bytes, &counts, sizeof counts);
  }
  void unpack(uint32_t round, uint32_t from, const char* bytes) override {
    if (round == 0) unpack_counts(from, bytes);
    else unpack_ids(from, bytes);
  }
  void keep(uint32_t round) override {
    if (round == 0) return;
    RowList::Asked& own = list_->asked()[step_->rank];
    const RowList::Range range = list_->asked_of(step_->rank);
    own.count = range.size();
    own.rows.resize(range.size());
    const uint64_t first = route_.places_of_table().begin(step_->rank);
    for (uint32_t i = 0; i < range.size(); ++i) own.rows[i] = list_->unique()[range.begin + i].place - first;
    find_own(own);
  }

  void check() const override {
    const std::vector<RowList::Asked>& asked = list_->asked();
    if (std::none_of(asked.begin(), asked.end(), [](const RowList::Asked& each) { return each.refused; })) return;
    throw Error({"a rank asked for rows that this rank does not have", "exchange of ids", "", "",
                 "Report this: ranks must agree on which of them has which rows."});
  }

 private:
  struct Counts {
    uint32_t rows, sums;
  };

  uint64_t bytes_of_ids(uint64_t count, uint32_t asker) const {
    return count * (route_.id_bytes() + (route_.tells_nodes(*step_, asker) ? sizeof(uint32_t) : 0));
  }

  // Ids first, which are places counted from the owner's first, then the nodes.
  void pack_ids(uint32_t to, char* bytes) const {
    const RowList::Range range = list_->asked_of(to);
    char* nodes = bytes + range.size() * route_.id_bytes();
    const bool tells = route_.tells_nodes(*step_, step_->rank);
    const uint64_t first = route_.places_of_table().begin(to);
    for (uint32_t u = range.begin; u < range.end; ++u, bytes += route_.id_bytes()) {
      const auto& [at, in_nodes] = list_->unique()[u];
      route_.write_place(at - first, bytes);
      if (tells) std::memcpy(nodes + (u - range.begin) * sizeof(uint32_t), &in_nodes, sizeof(uint32_t));
    }
  }

  void find_own(RowList::Asked& asked) const {
    if (!route_.places_of_table().find_own(asked.rows)) asked.refused = true;
  }

  void unpack_counts(uint32_t from, const char* bytes) {
    Counts counts;
    std::memcpy(&counts, bytes, sizeof counts);
    list_->asked()[from].count = counts.rows;
    list_->asked()[from].sums = counts.sums;
  }

  // Nothing that a rank asks for is trusted.
  void unpack_ids(uint32_t from, const char* bytes) {
    RowList::Asked& asked = list_->asked()[from];
    const bool tells = asked.count > 0 && route_.tells_nodes(*step_, from);
    asked.rows.resize(asked.count);
    asked.nodes.assign(asked.count, 1);
    if (tells) std::memcpy(asked.nodes.data(), bytes + asked.count * route_.id_bytes(), asked.count * sizeof(uint32_t));
    for (uint32_t i = 0; i < asked.count; ++i) asked.rows[i] = route_.read_place(bytes + i * route_.id_bytes());
    find_own(asked);
    uint64_t sums = route_.returns() && !tells ? asked.count : 0;
    const size_t nodes = step_->nodes_of(from).size();
    bool fits = asked.count == 0 || nodes > 0;  // a rank without samples needs no rows
    for (uint32_t i = 0; tells && i < asked.count; ++i) {
      if (uint64_t{asked.nodes[i]} >> nodes != 0) fits = false;
      sums += uint64_t(std::popcount(asked.nodes[i]));
    }
    if (fits && asked.sums == sums) return;
    asked.refused = true;
    asked.nodes.assign(asked.count, 0);  // sums are collected before all ranks know of this: there are none
  }

  RowRoute& route_;
  const When when_;
  RowList* list_ = nullptr;
  const StepContext* step_ = nullptr;
};

// Rows, once their owners know which: in the round after ids.
class FetchRows : public Exchanger {
 public:
  FetchRows(const BoundInstruction& instruction, RowRoute& route)
      : route_(route),
        table_(instruction.views[0]),
        row_bytes_(instruction.views.back().dims[1] * bytes_of(table_.dtype)) {}

  uint32_t rounds() const override { return last() + 1; }
  const char* name(uint32_t) const override { return "rows"; }

  void begin(const StepContext& step) override {
    step_ = &step;
    const size_t bytes = list().unique().size() * row_bytes_;
    if (bytes > memory_.size() * sizeof(float)) memory_ = Arena((bytes + bytes / 2) / sizeof(float) + 1);
  }

  uint64_t sends(uint32_t round, uint32_t to) const override {
    return round == last() ? part_of(step_->rank).bytes * list().asked()[to].count : 0;
  }
  uint64_t receives(uint32_t round, uint32_t from) const override {
    return round == last() ? part_of(from).bytes * list().asked_of(from).size() : 0;
  }

  void pack(uint32_t round, uint32_t to, char* bytes) override {
    if (round == last()) copy_rows(list().asked()[to], bytes, part_of(step_->rank).bytes);
  }
  void unpack(uint32_t round, uint32_t from, const char* bytes) override {
    if (round == last()) place_parts(from, bytes);
  }
  void keep(uint32_t round) override {
    if (round == last()) copy_rows(list().asked()[step_->rank], first_part(step_->rank), row_bytes_);
  }

  void finish(uint32_t round) override {
    if (round == last()) route_.set_rows(memory_.data());
  }

 private:
  uint32_t last() const { return step_->asked_ahead ? 0 : 2; }
  const RowList& list() const { return route_.now(); }

  // The bytes of a row that a rank has.
  struct Part {
    size_t begin, bytes;
  };
  Part part_of(uint32_t rank) const {
    const ColumnRange columns = route_.columns_of(rank, row_bytes_ / bytes_of(table_.dtype));
    return {columns.begin * bytes_of(table_.dtype), columns.size() * bytes_of(table_.dtype)};
  }
  // Where the rows from a rank begin.
  char* first_part(uint32_t from) const {
    return reinterpret_cast<char*>(memory_.data()) + list().asked_of(from).begin * row_bytes_ + part_of(from).begin;
  }

  // The parts of rows that this rank has. Those of two rows are `stride` apart.
  void copy_rows(const RowList::Asked& asked, char* to, size_t stride) const {
    constexpr size_t kRowsAhead = 32;  // to copy a row takes a tenth of the time that it takes to come from memory
    const char* table = reinterpret_cast<const char*>(table_.base);
    const size_t bytes = part_of(step_->rank).bytes;
    for (size_t i = 0; i < asked.count; ++i, to += stride) {
      if (i + kRowsAhead < asked.count) __builtin_prefetch(table + asked.rows[i + kRowsAhead] * bytes);
      if (asked.refused) std::memset(to, 0, bytes);
      else copy_row(to, table + asked.rows[i] * bytes, bytes);
    }
  }

  void place_parts(uint32_t from, const char* bytes) {
    const size_t part = part_of(from).bytes, count = list().asked_of(from).size();
    if (count == 0) return;
    char* const to = first_part(from);
    if (part == row_bytes_) return void(std::memcpy(to, bytes, count * part));
    for (size_t i = 0; i < count; ++i) copy_row(to + i * row_bytes_, bytes + i * part, part);
  }

  RowRoute& route_;
  const View& table_;
  const size_t row_bytes_;
  const StepContext* step_ = nullptr;
  Arena memory_;
};

// The rows are in the table of each rank. Lookups find the ids where they are told to read them.
class TellRows : public AskRows {
 public:
  TellRows(const BoundInstruction& instruction, RowRoute& route) : AskRows(route), views_(instruction.views) {}

  void begin(const StepContext& step) override {
    AskRows::begin(step);
    if (step.own_begin() == step.own_end()) return;
    const size_t columns = views_.size() / 3;
    for (size_t i = 0; i < columns; ++i) {
      const View &from = views_[i], &to = views_[2 * columns + i];
      const size_t bytes = ids_width(from.dtype) * sizeof(float);
      std::memcpy(reinterpret_cast<char*>(to.base) + step.own_begin() * bytes,
                  reinterpret_cast<const char*>(from.base) + step.own_begin() * bytes,
                  (step.own_end() - step.own_begin()) * bytes);
    }
  }

 private:
  const std::vector<View>& views_;
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

}  // namespace

void fetch_rows(const BoundInstruction& instruction, std::deque<RowRoute>& routes, ExchangeStage& stage) {
  stage.add(std::make_unique<AskRows>(routes[size_t(instruction.attribute(kRoute))]));
  stage.add(std::make_unique<FetchRows>(instruction, routes[size_t(instruction.attribute(kRoute))]));
}
void tell_rows(const BoundInstruction& instruction, std::deque<RowRoute>& routes, ExchangeStage& stage) {
  stage.add(std::make_unique<TellRows>(instruction, routes[size_t(instruction.attribute(kRoute))]));
}
std::unique_ptr<Exchanger> ask_ahead(RowRoute& route) { return std::make_unique<AskRows>(route, AskRows::kAhead); }
void place_rows(std::span<RowRoute* const> routes, ExchangeStage& stage) {
  std::map<Translator*, std::vector<RowRoute*>> in_frames;
  for (RowRoute* const route : routes) {
    if (route->translator() && route->translator()->frames()) in_frames[route->translator()].push_back(route);
  }
  for (auto& [translator, together] : in_frames) stage.add(std::make_unique<PlaceRows>(std::move(together)));
}

}  // namespace pairloom
