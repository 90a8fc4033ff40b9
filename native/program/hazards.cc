#include "program/hazards.h"

#include <algorithm>

#include "program/error.h"
#include "program/ranges.h"
#include "program/rule.h"

namespace pairloom {

bool are_starts(std::span<const double> slots, double shares) {
  return slots.empty() || (double(slots.size()) == shares && slots[0] == 0 && std::is_sorted(slots.begin(), slots.end()) &&
                           slots.back() <= kTableSlots);
}

namespace {

// The columns (row spaces) or elements of a buffer that contain what this step wrote.
class Written {
 public:
  void add(Range range) {
    ranges_.push_back(range);
    std::sort(ranges_.begin(), ranges_.end(), [](Range a, Range b) { return a.begin < b.begin; });
    std::vector<Range> merged;
    for (Range next : ranges_) {
      if (!merged.empty() && next.begin <= merged.back().end) merged.back().end = std::max(merged.back().end, next.end);
      else merged.push_back(next);
    }
    ranges_ = std::move(merged);
  }
  bool covers(Range range) const {
    return std::any_of(ranges_.begin(), ranges_.end(),
                       [&](Range r) { return r.begin <= range.begin && range.end <= r.end; });
  }
  void clear() { ranges_.clear(); }

 private:
  std::vector<Range> ranges_;
};

constexpr uint64_t kAnyKey = ~uint64_t{0};  // the limit of ids without one: beyond every table

class HazardCheck {
 public:
  HazardCheck(const Program& program, const std::vector<std::vector<Access>>& accesses)
      : p_(program),
        accesses_(accesses),
        written_(program.buffers.size()),
        limits_(program.buffers.size(), 0),
        sequence_of_(program.buffers.size(), kNoSequence),
        route_of_(program.buffers.size(), kNoRoute),
        translated_(program.translations.size(), false) {}

  void run() {
    for (size_t s = 0; s < p_.stages.size(); ++s) {
      const Stage& stage = p_.stages[s];
      begin_stage(s);
      check_parallel(s);
      for (uint32_t i = stage.first; i < stage.first + stage.count; ++i) instruction(i, stage);
      stage_writes_parameters(stage);
    }
    where_ = "outputs";
    for (const Output& output : p_.outputs) read(output.operand);
  }

 private:
  // Stages of tiles that follow one another are taken tile by tile.
  bool continues(size_t stage) const {
    return stage > 0 && is_tiled(p_.stages[stage].kind) && is_tiled(p_.stages[stage - 1].kind);
  }

  // Tile memory is valid during its stage; that of the entries of a tile's rows also in the stages of tiles that follow, and
  // partial results until others begin, which reuse the copies.
  void begin_stage(size_t stage) {
    const bool begins = !continues(stage), tiles = is_tiled(p_.stages[stage].kind);
    for (size_t i = 0; i < written_.size(); ++i) {
      const Space space = p_.buffers[i].space;
      const bool lost = space == Space::kTile || (begins && space == Space::kTileEntries) ||
                        (begins && tiles && space == Space::kPartial);
      if (lost) written_[i].clear();
    }
  }

  void instruction(uint32_t index, const Stage& stage) {
    const Instruction& ins = p_.instructions[index];
    where_ = "instructions[" + std::to_string(index) + "] (" + opcode_name(ins.opcode) + ")";
    const auto& access = accesses_[index];
    check_aliases(ins, access);
    for (size_t i = 0; i < access.size(); ++i) {
      if (access[i].read) read(ins.operands[i]);
    }
    check_ids(ins);
    check_sequences(ins, stage);
    check_route(ins);
    check_columns(ins);
    check_order(ins, access);
    for (size_t i = 0; i < access.size(); ++i) {
      if (access[i].written) write(ins.operands[i]);
    }
    if (ins.opcode == Opcode::kTranslate) translate(ins);
    if (ins.opcode == Opcode::kUniqueRows) begin_route(ins);
    if (ins.opcode == Opcode::kFetchRows) route_of_[ins.operands.back().buffer] = route_of(ins);
    if (returns_sums(ins)) {
      const uint32_t owned = ins.operands[ins.operands.size() - 2].buffer;
      limits_[owned] = routes_[route_of(ins)].rows;
      route_of_[owned] = route_of(ins);
    }
    if (ins.opcode == Opcode::kGatherRows) limits_[ins.operands[1].buffer] = limits_[ins.operands[0].buffer];
    if (ins.opcode == Opcode::kTranslate || ins.opcode == Opcode::kUniqueRows) pass_sequences_on(ins);
    if (ins.opcode == Opcode::kTellRows) tell(ins);
    if (loads(ins)) {
      const Input& input = p_.inputs[size_t(ins.attributes[0])];
      limits_[ins.operands[0].buffer] = input.limit == 0 ? kAnyKey : input.limit;
      sequence_of_[ins.operands[0].buffer] = p_.sequence_of(input.sequence);
    }
  }

  void pass_sequences_on(const Instruction& ins) {
    const size_t columns = ins.operands.size() / 2;
    for (size_t i = 0; i < columns; ++i) {
      sequence_of_[ins.operands[columns + i].buffer] = sequence_of_[ins.operands[i].buffer];
    }
  }

  // The ids again.
  void tell(const Instruction& ins) {
    const size_t columns = ins.operands.size() / 3;
    for (size_t i = 0; i < columns; ++i) {
      const uint32_t ids = ins.operands[i].buffer, told = ins.operands[2 * columns + i].buffer;
      limits_[told] = limits_[ids];
      sequence_of_[told] = sequence_of_[ids];
    }
  }

  bool has_bags(const Instruction& ins) const {
    return std::count_if(ins.operands.begin(), ins.operands.end(),
                         [&](const Operand& operand) { return is_bag(p_.buffer(operand).dtype); }) > 1;
  }

  // Of several sequences: the entries are, in order, those of the bags.
  void check_paired_sequences(const Instruction& ins) const {
    std::vector<uint32_t> bags, entries;
    for (const Operand& operand : ins.operands) {
      const Buffer& buffer = p_.buffer(operand);
      if (is_bag(buffer.dtype)) bags.push_back(sequence_of_[operand.buffer]);
      if (is_of_entries(buffer.space)) entries.push_back(p_.sequence_of(buffer.name));
    }
    const bool known = std::find(bags.begin(), bags.end(), kNoSequence) == bags.end();
    if (!known || bags != entries) refuse("entries are not those of their bag", "");
  }

  // Bags say which entries are whose: where there are entries, these must be of the sequence of their bag.
  void check_sequences(const Instruction& ins, const Stage& stage) const {
    const Rule& rule = *find_rule(ins.opcode);
    if (rule.entries == Entries::kNone || rule.entries == Entries::kRows) return;
    uint32_t bags = stage.kind == StageKind::kEntries ? stage.sequence : kNoSequence;
    if (stage.kind == StageKind::kTile && has_bags(ins)) return check_paired_sequences(ins);
    const bool in_pairs = !is_tiled(stage.kind);  // each bag is followed by its entries
    for (const Operand& operand : ins.operands) {
      const Buffer& buffer = p_.buffer(operand);
      const bool is_entries = is_of_entries(buffer.space), gives = is_bag(buffer.dtype);
      if (in_pairs && is_ids(buffer.dtype)) bags = sequence_of_[operand.buffer];
      if (!is_entries && (in_pairs || !gives)) continue;
      const uint32_t sequence = gives ? sequence_of_[operand.buffer] : p_.sequence_of(buffer.name);
      const bool first = !in_pairs && bags == kNoSequence;
      if (sequence == kNoSequence || (!first && sequence != bags)) refuse("entries are not those of their bag", "");
      bags = sequence;
    }
  }

  // Its rows are checked when they are made. Translations may change in every step, in an order that must not depend on
  // timing, so one instruction has all columns of a translation.
  void translate(const Instruction& ins) {
    const size_t index = size_t(ins.attributes[0]);
    if (translated_[index]) refuse("a translation has two instructions", "translation " + p_.translations[index].name);
    translated_[index] = true;
    for (size_t i = ins.operands.size() / 2; i < ins.operands.size(); ++i) {
      limits_[ins.operands[i].buffer] = p_.translations[index].rows;
    }
  }

  // A route is of one table. Its instructions name it, in order, and have the columns of uniqueRows.
  void begin_route(const Instruction& ins) {
    const size_t columns = ins.operands.size() / 2;
    if (route_of(ins) != routes_.size()) {
      refuse("routes are not numbered in order", "route " + std::to_string(route_of(ins)));
    }
    if (uint64_t(ins.attributes[kReturned]) > columns) refuse("more gradients return than there are columns", "");
    Route route{uint64_t(ins.attributes[kRouteRows]), uint64_t(ins.attributes[kReturned]), ins.attributes[kColumns],
                ins.attributes[kCopies] == 1, {}, {}};
    for (size_t i = 0; i < columns; ++i) route.ids.push_back(ins.operands[i].buffer);
    const double owners = ins.attributes[kOwners];
    if (route.rows == 0 || route.rows > kMostTableRows || owners < 1 || route.parts < 1 ||
        ins.attributes[kFirstRank] + owners * route.parts > kMostRanks) {
      refuse("a route has a wrong number of rows or owners", std::to_string(route.rows));
    }
    if (!are_starts(std::span(ins.attributes).subspan(kStarts), owners)) {
      refuse("the shares of a table do not divide its slots", std::to_string(ins.attributes.size() - kStarts) + " first slots");
    }
    if (route.copies && route.parts > 1) refuse("copies of a table have no columns of their own", "");
    for (size_t i = columns; i < ins.operands.size(); ++i) {
      const uint32_t buffer = ins.operands[i].buffer;
      route.columns.push_back(buffer);
      limits_[buffer] = route.rows;
      route_of_[buffer] = routes_.size();
    }
    routes_.push_back(std::move(route));
  }

  void check_route(const Instruction& ins) const {
    const bool fetches = ins.opcode == Opcode::kFetchRows, tells = ins.opcode == Opcode::kTellRows;
    const bool returns = returns_sums(ins);
    if (looks_up(ins.opcode)) return check_lookup(ins);
    if (!fetches && !tells && !returns && ins.opcode != Opcode::kGatherSlots) return;
    if (route_of(ins) >= routes_.size()) {
      refuse("a route has no uniqueRows yet", "route " + std::to_string(route_of(ins)));
    }
    const Route& route = routes_[route_of(ins)];
    if (fetches && ins.operands[0].dims[0] != route.rows) refuse("a route is of another table", "");
    if (fetches && route.parts > (ins.operands[0].dims[1] + 3) / 4) refuse("a rank has less than four columns of a table", "");
    if (route.copies != (tells || ins.opcode == Opcode::kFoldRows)) {
      refuse("an instruction does not fit the copies of its route", route.copies ? "on every rank" : "none");
    }
    const size_t size = ins.operands.size();
    const size_t columns = returns ? size / 2 - 1 : fetches ? size - 2 : tells ? size / 3 : 0;
    if (columns != (returns ? route.returned : fetches || tells ? route.columns.size() : 0)) {
      refuse("an instruction has not the columns of its route", std::to_string(columns));
    }
    for (size_t i = 0; i < columns; ++i) {
      const bool same = ins.operands[returns ? 2 * i : fetches ? 1 + i : columns + i].buffer == route.columns[i];
      if (same && (!tells || ins.operands[i].buffer == route.ids[i])) continue;
      refuse("an instruction has another column than its route", "column " + std::to_string(i));
    }
  }

  // Ranks that have some columns of a table tell each other what an update needs of whole rows, as it is before all updates.
  void check_columns(const Instruction& ins) {
    const Rule& rule = *find_rule(ins.opcode);
    if (rule.execution != Execution::kTable || ins.opcode == Opcode::kTableSumSquares) return;
    const uint64_t of = route_of_[ins.operands[ins.operands.size() - 2].buffer];  // of the last pair
    if (of == kNoRoute || routes_[of].parts == 1) return;
    Route& route = routes_[of];
    if (route.updated && (route.by_whole_rows || !rule.elementwise)) {
      refuse("another update than one by whole rows, of which ranks have some columns", "");
    }
    route.updated = true;
    route.by_whole_rows = !rule.elementwise;
  }

  // What uniqueRows gives are rows of what fetchRows gives, and of nothing else.
  void check_lookup(const Instruction& ins) const {
    if (route_of_[ins.operands[0].buffer] == route_of_[ins.operands[1].buffer]) return;
    refuse("ids are not those of the rows that were fetched", "");
  }

  void read(const Operand& operand) {
    const Space space = p_.buffer(operand).space;
    if (space == Space::kParameter || space == Space::kScalar) return;
    if (written_[operand.buffer].covers(view_of(operand))) return;
    refuse("memory is read that this step has not written, or has used again since",
           "buffer " + std::to_string(operand.buffer));
  }

  // Writing a buffer invalidates every other buffer in the same memory.
  void write(const Operand& operand) {
    const Buffer& buffer = p_.buffer(operand);
    if (buffer.space == Space::kParameter) return;
    for (size_t i = 0; i < p_.buffers.size(); ++i) {
      if (i != operand.buffer && !is_alone(buffer.space) && same_arena(p_.buffers[i], buffer) &&
          memory_of(p_, p_.buffers[i]).overlaps(memory_of(p_, buffer))) {
        written_[i].clear();
      }
    }
    written_[operand.buffer].add(view_of(operand));
  }

  // An output may share memory with an input only if the kernel reads each element before it writes it.
  void check_aliases(const Instruction& ins, const std::vector<Access>& access) {
    const bool in_place = find_rule(ins.opcode)->writes_in_place();
    for (size_t w = 0; w < access.size(); ++w) {
      for (size_t i = 0; access[w].written && i < access.size(); ++i) {
        if (i == w || !touch(ins.operands[w], ins.operands[i])) continue;
        if (in_place && i < 2 && same_elements(p_, ins.operands[w], ins.operands[i])) continue;
        refuse("an output shares memory with another operand",
               "operands " + std::to_string(w) + " and " + std::to_string(i));
      }
    }
  }

  struct Touch {
    size_t stage;
    uint32_t instruction;
    const Operand* operand;
    bool written;
  };

  // These may run at the same time, so they must not overlap: the instructions of a fixed stage; the rows of two tiles
  // (batch space, unless rows coincide), in this stage or in those before it without a barrier; the partials that several
  // instructions accumulate.
  void check_parallel(size_t s) {
    if (!continues(s)) parallel_.clear();
    const Stage& stage = p_.stages[s];
    for (uint32_t i = stage.first; i < stage.first + stage.count; ++i) {
      for (size_t o = 0; o < accesses_[i].size(); ++o) {
        const Operand* const operand = &p_.instructions[i].operands[o];
        if (p_.buffer(*operand).space == Space::kTile) continue;  // each thread has its own
        const Touch touch{s, i, operand, accesses_[i][o].written};
        for (const Touch& other : parallel_) check_pair(touch, other);
        parallel_.push_back(touch);
      }
    }
  }

  void check_pair(const Touch& a, const Touch& b) {
    if (a.instruction == b.instruction || !(a.written || b.written)) return;
    if (!meets(*a.operand, *b.operand, p_.stages[a.stage].kind, a.stage == b.stage)) return;
    where_ = "instructions[" + std::to_string(a.instruction) + "]";
    refuse("two instructions that may run at the same time touch the same memory",
           "instructions " + std::to_string(a.instruction) + " and " + std::to_string(b.instruction));
  }

  bool meets(const Operand& a, const Operand& b, StageKind kind, bool same_stage) const {
    const Space space = p_.buffer(a).space;
    if (!is_tiled(kind) || space == Space::kPartial) return touch(a, b);
    // Rows of the batch are complete after all of their entries.
    if (same_stage && kind == StageKind::kEntries && space == Space::kBatch) return touch(a, b);
    // Chunks of entries follow one another in a stage, and in the memory of a tile all of them precede the next stage.
    const bool shared = space == Space::kBatch || space == Space::kEntries || (same_stage && space == Space::kTileEntries);
    return shared && touch(a, b) && !same_rows(p_.buffer(a), p_.buffer(b));
  }

  // Ids were checked against their input's limit when loaded, so the table must have at least that many rows. Only
  // parameters are looked up by ids; sessions are only compared.
  void check_ids(const Instruction& ins) {
    const Space space = p_.buffer(ins.operands[0]).space;
    if (space != Space::kParameter && space != Space::kExchange) return;
    for (const Operand& operand : ins.operands) {
      if (!is_ids(p_.buffer(operand).dtype) || loads(ins)) continue;
      const uint64_t rows = ins.operands[0].dims[0], limit = limits_[operand.buffer];
      if (limit <= rows) continue;
      refuse("ids may exceed the table", "ids below " + std::to_string(limit) + ", table of " + std::to_string(rows));
    }
  }

  // Invalid ids, and ids without a row, must be found before anything is updated; copies of weights must not be
  // outdated by the step itself.
  void check_order(const Instruction& ins, const std::vector<Access>& access) {
    const bool translated = std::find(translated_.begin(), translated_.end(), true) != translated_.end();
    if (loads(ins) && (!updated_.empty() || translated)) {
      refuse("an input is loaded after parameters or translations were updated", "");
    }
    if (ins.opcode == Opcode::kTranslate && !updated_.empty()) {
      refuse("ids are translated after parameters were updated", "");
    }
    for (size_t i = 0; i < access.size(); ++i) {
      for (const Operand& updated : updated_) {
        if (access[i].copied && touch(updated, ins.operands[i])) {
          refuse("a weight is updated before its last use in the step", "");
        }
      }
    }
  }

  void stage_writes_parameters(const Stage& stage) {
    for (uint32_t i = stage.first; i < stage.first + stage.count; ++i) {
      for (size_t o = 0; o < accesses_[i].size(); ++o) {
        const Operand& operand = p_.instructions[i].operands[o];
        if (accesses_[i][o].written && p_.buffer(operand).space == Space::kParameter) updated_.push_back(operand);
      }
    }
  }

  bool touch(const Operand& a, const Operand& b) const { return share_memory(p_, a, b); }

  static bool loads(const Instruction& ins) { return find_rule(ins.opcode)->execution == Execution::kSource; }

  [[noreturn]] void refuse(std::string what, std::string got) const {
    throw Error({std::move(what), "program " + where_, std::move(got), "",
                 "Report this program: the compiler must not emit it."});
  }

  struct Route {
    uint64_t rows, returned;
    double parts;  // of a row, on as many ranks
    bool copies;
    std::vector<uint32_t> ids, columns;  // buffers: operands of uniqueRows, and its results
    bool updated = false, by_whole_rows = false;
  };
  static constexpr uint64_t kNoRoute = ~uint64_t{0};
  static bool returns_sums(const Instruction& ins) {
    return ins.opcode == Opcode::kReturnRows || ins.opcode == Opcode::kFoldRows;
  }
  static uint64_t route_of(const Instruction& ins) { return uint64_t(ins.attributes[kRoute]); }

  const Program& p_;
  const std::vector<std::vector<Access>>& accesses_;
  std::vector<Written> written_;
  std::vector<uint64_t> limits_;
  std::vector<uint32_t> sequence_of_;  // by buffer: of bags
  std::vector<uint64_t> route_of_;  // by buffer
  std::vector<Route> routes_;
  std::vector<bool> translated_;
  std::vector<Operand> updated_;
  std::vector<Touch> parallel_;  // of the stages since the last barrier
  std::string where_;
};

}  // namespace

void verify_hazards(const Program& program, const std::vector<std::vector<Access>>& accesses) {
  HazardCheck(program, accesses).run();
}

}  // namespace pairloom
