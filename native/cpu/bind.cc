// Binding: everything about a program that stays the same from step to step.
#include <algorithm>

#include "cpu/device.h"
#include "cpu/exchange/exchangers.h"
#include "cpu/executor.h"
#include "cpu/fixed_jobs.h"
#include "cpu/operation.h"
#include "cpu/reduce.h"
#include "cpu/stage_uses.h"
#include "cpu/kernels/dispatch.h"
#include "program/error.h"
#include "program/ranges.h"

namespace pairloom {
namespace {

constexpr uint32_t kMostThreads = 1024;

uint32_t check_threads(uint32_t threads) {
  if (threads >= 1 && threads <= kMostThreads) return threads;
  throw Error({"a wrong number of threads", "compile", std::to_string(threads), "1 to 1024", ""});
}

// Starts of groups stay on cache lines, so that two threads never write to one.
size_t whole_lines(size_t floats) { return (floats + 15) / 16 * 16; }

// Element `offset` of memory whose elements have the size of the dtype.
float* element(float* base, size_t offset, DType dtype) {
  if (base == nullptr) return nullptr;
  return reinterpret_cast<float*>(reinterpret_cast<char*>(base) + offset * bytes_of(dtype));
}

// Partial results that are means and M2, not sums.
bool folds_moments(const BoundInstruction& i) {
  const bool folds = i.source->opcode == Opcode::kCombine || i.source->opcode == Opcode::kFoldAcross;
  return folds && i.attribute(0) == double(Combine::kMoments);
}

bool writes_parameters(const Program& program, const Instruction& instruction) {
  const std::vector<MemoryUse> uses = memory_uses(program, instruction);
  return std::any_of(uses.begin(), uses.end(),
                     [](const MemoryUse& use) { return use.access.written && use.buffer->space == Space::kParameter; });
}

// Elements that all buffers of a sequence in a space take for an entry.
size_t entry_width(const Program& program, Space space, const std::string& sequence) {
  size_t width = 0;
  for (const Buffer& buffer : program.buffers) {
    const bool counts = buffer.space == space && buffer.name == sequence;
    if (counts) width = std::max(width, size_t(buffer.offset + buffer.width));
  }
  return width;
}

// Memory bound twice under two names could be updated by two threads at once.
void refuse_overlaps(const Program& program, const std::vector<uint32_t>& buffers,
                     const std::vector<ParameterMemory>& parameters) {
  std::vector<size_t> order(parameters.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::sort(order.begin(), order.end(),
            [&](size_t a, size_t b) { return parameters[a].begin() < parameters[b].begin(); });
  for (size_t i = 1; i < order.size(); ++i) {
    const auto &before = parameters[order[i - 1]], &after = parameters[order[i]];
    if (before.end() <= after.begin()) continue;
    throw Error({"two parameters share memory", "parameter " + program.buffers[buffers[order[i]]].name,
                 "the memory of " + program.buffers[buffers[order[i - 1]]].name, "memory of its own", ""});
  }
}

// A dynamic table must keep the rows of the slots that the program gives to this rank.
void check_kept(const Translator& table, const Shard& shard) {
  const Slots slots{shard.map.begin_slot(shard.rank), shard.map.end_slot(shard.rank)};
  if (table.kept() != nullptr && table.kept()->slots() == slots) return;
  throw Error({"a dynamic table does not keep the rows that the program gives to this rank", "compile", "",
               "slots " + std::to_string(slots.begin) + " to " + std::to_string(slots.end), ""});
}

// Of a table's memory, or a state's, on this rank.
uint64_t elements_here(const RowRoute& route, uint64_t elements) {
  return route.rows_here() * route.columns_of(route.shard().rank, elements / route.shard().map.rows).size();
}

// A copy of a table has all rows.
void refuse_parts(const Translator* table) {
  if (table == nullptr || (table->kept() == nullptr && table->frames() == nullptr)) return;
  throw Error({"the memory of a rank does not have all rows of a table that every rank has", "compile", "", "", ""});
}

}  // namespace

Executor::Executor(Program program, std::vector<ParameterMemory> parameters, uint32_t threads,
                   std::vector<std::shared_ptr<Translation>> translations, std::shared_ptr<Communicator> ranks)
    : kernels_(kernels()),
      program_(std::move(program)),
      pool_(check_threads(threads)),
      loader_(program_),
      tree_(pool_.threads()),
      route_of_(program_.buffers.size(), nullptr),
      bases_(program_.buffers.size(), nullptr),
      changed_(program_.buffers.size(), nullptr),
      workers_(pool_.threads()) {
  bind_translations(std::move(translations));
  bind_ranks(std::move(ranks));
  bind_parameters(parameters);
  allocate();
  bind_instructions();
  allocate_scratch();
}

void Executor::bind_ranks(std::shared_ptr<Communicator> ranks) {
  const auto exchanges = [](const Stage& stage) { return stage.kind == StageKind::kExchange; };
  const auto lists_rows = [](const Instruction& i) { return i.opcode == Opcode::kUniqueRows; };
  const bool needs_ranks = std::any_of(program_.stages.begin(), program_.stages.end(), exchanges) ||
                           std::any_of(program_.instructions.begin(), program_.instructions.end(), lists_rows);
  if (ranks == nullptr && needs_ranks) {
    throw Error({"a program of several ranks has no ranks", "compile", "", "", "Give the world to compile for."});
  }
  ranks_ = std::move(ranks);
  if (ranks_ == nullptr) return;
  step_.rank = ranks_->rank();
  step_.ranks = ranks_->size();
  bind_routes();
}

// A shard's parameters are the table that rows are fetched from, and the tables and states that received sums update.
void Executor::bind_routes() {
  for (const Instruction& i : program_.instructions) {
    if (i.opcode != Opcode::kUniqueRows) continue;
    if (const double end = i.attributes[kFirstRank] + i.attributes[kOwners] * i.attributes[kColumns]; end > step_.ranks) {
      throw Error({"a table is shared by ranks that do not exist", "compile",
                   "rank " + std::to_string(uint64_t(end) - 1), "ranks below " + std::to_string(step_.ranks), ""});
    }
    Translator* const translator = translator_of(i);
    routes_.emplace_back(i, step_.rank, step_.ranks, translator);
    if (translator != nullptr && i.attributes[kColumns] > 1) translator->divide(routes_.back().shard());
    if (i.attributes[kCopies] == 1) refuse_parts(translator);
    else if (translator != nullptr && translator->row_names() != nullptr) check_kept(*translator, routes_.back().shard());
  }
  step_.routes = &routes_;
  for (const Instruction& i : program_.instructions) {
    if (i.opcode == Opcode::kFetchRows) route_of_[i.operands[0].buffer] = &routes_[size_t(i.attributes[0])];
    if (i.opcode == Opcode::kReturnRows || i.opcode == Opcode::kFoldRows) {
      route_of_[i.operands[i.operands.size() - 2].buffer] = &routes_[size_t(i.attributes[0])];
    }
  }
  for (const Instruction& i : program_.instructions) {
    if (find_rule(i.opcode)->execution != Execution::kTable) continue;
    const TableLayout layout = table_layout(i);
    RowRoute* const route = route_of_[i.operands[layout.first_pair].buffer];
    if (program_.buffer(i.operands[layout.first_pair]).space != Space::kExchange) continue;
    route_of_[i.operands[0].buffer] = route;
    if (cpu_operation(i.opcode).needs != WholeRow::kNothing) route->return_whole_sums();
    for (size_t s = 0; s < layout.states; ++s) route_of_[i.operands[layout.first_state + s].buffer] = route;
  }
}

// The translator that gives these columns their rows; null: ids are rows.
Translator* Executor::translator_of(const Instruction& unique_rows) {
  for (const Instruction& i : program_.instructions) {
    if (i.opcode != Opcode::kTranslate) continue;
    const auto rows = i.operands.begin() + ptrdiff_t(i.operands.size() / 2);
    const bool gives = std::any_of(rows, i.operands.end(), [&](const Operand& operand) {
      return operand.buffer == unique_rows.operands[0].buffer;
    });
    if (gives) return &translators_[size_t(i.attributes[0])];
  }
  return nullptr;
}

void Executor::bind_translations(std::vector<std::shared_ptr<Translation>> translations) {
  const std::vector<TranslationSlot>& slots = program_.translations;
  if (translations.size() != slots.size()) {
    throw Error({"a wrong number of translations", "compile", std::to_string(translations.size()),
                 std::to_string(slots.size()), "Give one for each translation of the program, in order."});
  }
  for (size_t i = 0; i < slots.size(); ++i) translators_.emplace_back(std::move(translations[i]), slots[i]);
  step_.translators = translators_.data();
}

void Executor::bind_parameters(const std::vector<ParameterMemory>& parameters) {
  const std::vector<uint32_t> buffers = program_.buffers_in(Space::kParameter);
  if (buffers.size() != parameters.size()) {
    throw Error({"a wrong number of parameters", "compile", std::to_string(parameters.size()),
                 std::to_string(buffers.size()), "Give one array for each parameter of the program, in order."});
  }
  for (size_t i = 0; i < buffers.size(); ++i) {
    const Buffer& buffer = program_.buffers[buffers[i]];
    const ParameterMemory& memory = parameters[i];
    const RowRoute* const route = route_of_[buffers[i]];
    const uint64_t width = route == nullptr ? buffer.width : elements_here(*route, buffer.width);
    if (memory.count != width) {
      throw Error({"a parameter has a wrong size", "parameter " + buffer.name,
                   std::to_string(memory.count) + " elements", std::to_string(width), ""});
    }
    if (memory.bytes != bytes_of(buffer.dtype)) {
      throw Error({"a parameter is of another dtype", "parameter " + buffer.name,
                   std::to_string(memory.bytes) + " bytes a number", std::to_string(bytes_of(buffer.dtype)),
                   "Give fp32 numbers for fp32, 16-bit numbers for fp16 and bf16."});
    }
    bases_[buffers[i]] = static_cast<float*>(memory.data);
    changed_[buffers[i]] = memory.changed;
  }
  refuse_overlaps(program_, buffers, parameters);
}

void Executor::allocate() {
  step_.kernels = &kernels_;
  step_.loader = &loader_;
  step_.tile_rows = program_.tile_rows;
  partial_stride_ = whole_lines(program_.partial_size);
  const uint32_t most_tiles = (program_.max_batch + program_.tile_rows - 1) / program_.tile_rows;
  const uint32_t most_groups = std::min(program_.groups, most_tiles);
  tree_.reserve(most_groups, (most_groups + step_.ranks - 1) / step_.ranks);
  for (const std::string& sequence : program_.sequences) {
    entries_.emplace_back(entry_width(program_, Space::kEntries, sequence));
    for (Worker& worker : workers_) worker.entries.emplace_back(entry_width(program_, Space::kTileEntries, sequence));
  }
  step_.entries = entries_.data();
  fixed_ = Arena(program_.fixed_size);
  partial_ = Arena(partial_stride_ * tree_.copies());
  batch_ = Arena(program_.batch_size);
  for (Worker& worker : workers_) {
    worker.tile = Arena(program_.tile_size);
    worker.source_rows.resize(rows_at_once());
    worker.step = &step_;
  }
  const std::vector<uint32_t> scalars = program_.buffers_in(Space::kScalar);
  scalars_.resize(scalars.size());
  for (size_t i = 0; i < scalars.size(); ++i) bases_[scalars[i]] = &scalars_[i];
  for (size_t i = 0; i < bases_.size(); ++i) {
    const Buffer& buffer = program_.buffers[i];
    if (buffer.space == Space::kFixed) bases_[i] = fixed_.data() + buffer.offset;
    if (buffer.space == Space::kBatch) bases_[i] = batch_.data() + buffer.offset;
  }
}

View Executor::bind(const Operand& operand) const {
  const Buffer& buffer = program_.buffer(operand);
  const RowRoute* const route = buffer.space == Space::kParameter ? route_of_[operand.buffer] : nullptr;
  std::array<uint64_t, 3> dims{operand.dims[0], operand.dims[1], operand.dims[2]};
  if (route != nullptr) {
    dims[0] = route->rows_here();
    if (operand.ndims == 2) dims[1] = route->columns_of(step_.rank, dims[1]).size();
  }
  const bool of_entries = is_of_entries(buffer.space);
  return {.space = buffer.space,
          .dtype = buffer.dtype,
          .base = element(bases_[operand.buffer], operand.offset, buffer.dtype),
          .offset = buffer.offset + (of_entries ? 0 : operand.offset),
          .stride = is_row(buffer.space) ? size_t(buffer.width) : 0,
          .size = route == nullptr ? size_t(operand.size()) : elements_here(*route, operand.size()),
          .ndims = operand.ndims,
          .dims = {dims[0], dims[1], dims[2]},
          .sequence = of_entries ? program_.sequence_of(buffer.name) : 0,
          .column = of_entries ? size_t(operand.offset) : 0};
}

void Executor::bind_instructions() {
  NamesByMemory names;
  for (const Instruction& source : program_.instructions) {
    BoundInstruction bound{&source, find_rule(source.opcode), &cpu_operation(source.opcode), {}};
    if (bound.rule->execution == Execution::kTable) {
      bound.table = table_layout(source);
      bound.changed = changed_[source.operands[0].buffer];
    }
    for (const Operand& operand : source.operands) bound.views.push_back(bind(operand));
    bind_origins(bound, names);
    updates_parameters_ |= writes_parameters(program_, source);
    instructions_.push_back(std::move(bound));
  }
  for (const Output& output : program_.outputs) outputs_.push_back(bind(output.operand));
  for (BoundInstruction& i : instructions_) bind_readers(i);
  for (size_t i = 0; i < program_.stages.size(); i += sections_.back().stages.size()) {
    sections_.push_back(bind_section(without_barrier(i)));
  }
  packed_.finish();
  bind_lane();
}

// An exchange overlaps if a section of tiles that does not need it follows; then those after it do so as well, while tables
// and weights are updated that do not need them. Other exchanges wait for those that overlap: collective calls are made one at
// a time, in the order of the program.
void Executor::bind_lane() {
  if (ranks_ == nullptr) return;
  bind_ahead();
  std::vector<StageUses> uses;
  for (const Section& section : sections_) uses.emplace_back(program_, section.stages);
  on_lane_.assign(sections_.size(), 0);
  bool overlaps = false;
  for (size_t i = 0; i < sections_.size(); ++i) {
    Section& section = sections_[i];
    if (section.exchange == nullptr || brings_rows(section)) continue;
    const auto waits = [&](size_t later) { return uses[i].conflicts(uses[later]); };
    size_t next = i + 1;
    for (; next < sections_.size() && !waits(next); ++next) {
      const StageKind kind = sections_[next].stages[0].kind;
      section.overlaps |= is_tiled(kind) || (overlaps && kind == StageKind::kFixed);
    }
    overlaps |= section.overlaps;
    for (; section.overlaps && next < sections_.size(); ++next) {
      if (waits(next)) sections_[next].waits_for = i;
    }
  }
  if (overlaps || ahead_ != nullptr) lane_ = std::make_unique<ExchangeLane>(*ranks_);
}

// Only where the rows that samples name do not depend on what a step changes, or computes.
void Executor::bind_ahead() {
  const Section* last = nullptr;
  for (const Section& section : sections_) {
    if (section.fetches) last = &section;
  }
  if (last == nullptr) return;
  auto ahead = std::make_unique<AskAhead>(program_, routes_);
  for (const BoundInstruction& i : instructions_) {
    if (i.source->opcode != Opcode::kUniqueRows) continue;
    const std::vector<uint32_t> inputs = inputs_of(*i.source);
    if (inputs.empty()) return;
    ahead->add(routes_[size_t(i.attribute(kRoute))], std::span(i.views).first(inputs.size()), inputs);
  }
  ahead_ = std::move(ahead);
  asks_after_ = last;
}

// Whether an exchange uses the translators, which sections of tiles ask for failures.
bool Executor::brings_rows(const Section& exchange) const {
  const auto in_frames = [](const RowRoute& route) { return route.translator() && route.translator()->frames(); };
  return exchange.fetches && std::any_of(routes_.begin(), routes_.end(), in_frames);
}

// The rows that a table operation reads are those that a translation has just written to the same memory.
void Executor::bind_origins(BoundInstruction& bound, NamesByMemory& names) {
  if (bound.source->opcode == Opcode::kInput) {
    input_of_[bound.source->operands[0].buffer] = uint32_t(bound.attribute(0));
    names.erase(bound.views[0].base);
  }
  if (bound.source->opcode == Opcode::kTranslate) {
    Translator& translator = translators_[size_t(bound.attribute(0))];
    translator.bind(*bound.source, inputs_of(*bound.source), step_.ranks);
    for (size_t i = bound.views.size() / 2; i < bound.views.size(); ++i) names[bound.views[i].base] = translator.names();
  }
  if (bound.rule->execution != Execution::kTable) return;
  const uint64_t dim = bound.source->operands[0].dims[1];
  bound.columns = bound.gradients = {0, dim, dim};
  const auto found = names.find(bound.views[bound.table.first_pair].base);
  if (found != names.end()) bound.names = found->second;
  if (RowRoute* const route = route_of_[bound.source->operands[0].buffer]) bind_sums(bound, *route);
  if (bound.names == nullptr || bound.names->shard != nullptr || !bound.table.every_row) return;
  throw Error({"every row of a table that is dynamic or has a store cannot be updated", "compile", "everyRow 1",
               "everyRow 0", ""});
}

// The gradients of a shard's rows, and what an update of some columns needs of the others.
void Executor::bind_sums(BoundInstruction& bound, RowRoute& route) {
  bound.names = route.names();
  bound.received = &route.received();
  const ColumnRange own = route.columns_of(step_.rank, bound.columns.width);
  const bool needs_whole = bound.operation->needs != WholeRow::kNothing;
  if (!needs_whole) bound.gradients = own;
  bound.skipped = bound.gradients.begin - route.sums_of(step_.rank, own.width).begin;
  if (bound.source->opcode == Opcode::kTableSumSquares) return;
  bound.columns = own;
  if (!needs_whole || own.size() == own.width) return;
  const auto needs = [&](WholeRow what) { return bound.operation->needs >= what; };
  WholeRows& whole = route.tell_rows(own.width);
  whole.add(bound.views[0], needs(WholeRow::kWeights) || bound.table.l2 != 0);
  for (size_t s = 0; s < bound.table.states; ++s) {
    whole.add(bound.views[bound.table.first_state + s], needs(WholeRow::kStates));
  }
  if (bound.table.every_row) whole.list_every_row(route.rows_here());
  bound.whole = &whole;
}

// Lookups in rows that their owners send.
void Executor::bind_readers(BoundInstruction& lookup) {
  if (!looks_up(lookup.source->opcode)) return;
  const uint32_t rows = lookup.source->operands[0].buffer;
  for (const Instruction& i : program_.instructions) {
    if (i.opcode != Opcode::kFetchRows || i.operands.back().buffer != rows) continue;
    routes_[size_t(i.attributes[0])].add_reader(lookup.views[0]);
  }
}

std::vector<uint32_t> Executor::inputs_of(const Instruction& reader) const {
  std::vector<uint32_t> inputs;
  for (size_t i = 0; i < reader.operands.size() / 2; ++i) {
    const auto found = input_of_.find(reader.operands[i].buffer);
    if (found == input_of_.end()) return {};
    inputs.push_back(found->second);
  }
  return inputs;
}

// Enough for any one instruction.
void Executor::allocate_scratch() {
  size_t scratch = 0, reduction = 0;
  for (const BoundInstruction& i : instructions_) {
    reduction = std::max(reduction, reduction_floats(i));
    if (i.operation->scratch == nullptr) continue;
    scratch = std::max(scratch, i.operation->scratch(kernels_, i, rows_at_once()));
  }
  for (Worker& worker : workers_) {
    worker.scratch = Arena(scratch);
    worker.reduction = Arena(reduction);
  }
}

// Sums that lie side by side are folded as one.
std::vector<Executor::Partials> Executor::partials_of(uint32_t begin, uint32_t end) const {
  std::vector<Partials> found;
  for (uint32_t i = begin; i < end; ++i) {
    for (const View& view : instructions_[i].views) {
      if (view.space == Space::kPartial) found.push_back({view.offset, view.size, 0});
    }
  }
  for (const BoundInstruction& i : instructions_) {
    if (!folds_moments(i)) continue;
    const size_t mean = i.views[0].offset, m2 = i.views[1].offset;
    std::erase_if(found, [&](const Partials& part) { return part.offset == m2; });
    for (Partials& part : found) {
      if (part.offset == mean) part.m2 = m2 - mean;
    }
  }
  std::sort(found.begin(), found.end(), [](const Partials& a, const Partials& b) { return a.offset < b.offset; });
  std::vector<Partials> joined;
  for (const Partials& part : found) {
    const bool follows = !joined.empty() && joined.back().m2 == 0 && part.m2 == 0 &&
                         whole_lines(joined.back().offset + joined.back().size) == part.offset;
    if (follows) joined.back().size = part.offset + part.size - joined.back().offset;
    else joined.push_back(part);
  }
  return joined;
}

// A stage, and if it has tiles, those of tiles that follow it.
std::vector<Stage> Executor::without_barrier(size_t first) const {
  const auto begin = program_.stages.begin() + ptrdiff_t(first);
  const auto tiled = [](const Stage& stage) { return is_tiled(stage.kind); };
  return {begin, tiled(*begin) ? std::find_if_not(begin, program_.stages.end(), tiled) : begin + 1};
}

Executor::Section Executor::bind_section(std::vector<Stage> stages) {
  Section section{std::move(stages), false, false, {}, {}, {}, {}, nullptr};
  const Stage& stage = section.stages[0];
  for (const Stage& each : section.stages) section.has_entries |= each.kind == StageKind::kEntries;
  if (stage.kind == StageKind::kExchange) {
    section.exchange = std::make_unique<ExchangeStage>();
    std::vector<RowRoute*> fetched;
    for (uint32_t i = stage.first; i < stage.first + stage.count; ++i) {
      const BoundInstruction& bound = instructions_[i];
      bound.operation->exchange(bound, routes_, *section.exchange);
      const Opcode opcode = bound.source->opcode;
      section.fetches |= opcode == Opcode::kFetchRows || opcode == Opcode::kTellRows;
      if (opcode == Opcode::kFetchRows) fetched.push_back(&routes_[size_t(bound.attribute(kRoute))]);
    }
    place_rows(fetched, *section.exchange);
    return section;
  }
  const uint32_t end = section.stages.back().first + section.stages.back().count;
  if (is_tiled(stage.kind)) section.partials = partials_of(stage.first, end);
  for (uint32_t i = stage.first; i < end; ++i) {
    BoundInstruction& bound = instructions_[i];
    section.loads |= bound.rule->execution == Execution::kSource;
    if (bound.source->opcode == Opcode::kTranslate) section.translations.push_back(i);
    const Packing packing = bound.operation->packs;
    if (packing == Packing::kNone) continue;
    PackedWeights& packed = bound.views[1].space == Space::kFixed ? section.packed : packed_;
    bound.packed = packed.add(bound.views[1], packing, linear_kernels(kernels_, bound));
  }
  section.packed.finish();
  if (stage.kind == StageKind::kFixed) section.jobs = plan_fixed_jobs(instructions_, stage, pool_.threads());
  return section;
}

std::unique_ptr<Executable> compile_for_cpu(Program program, std::vector<ParameterMemory> parameters, uint32_t threads,
                                            std::vector<std::shared_ptr<Translation>> translations,
                                            std::shared_ptr<Communicator> ranks) {
  return std::make_unique<Executor>(std::move(program), std::move(parameters), threads, std::move(translations),
                                    std::move(ranks));
}

}  // namespace pairloom
