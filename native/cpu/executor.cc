#include "cpu/executor.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "cpu/exchange/exchangers.h"
#include "cpu/operation.h"
#include "cpu/reduce.h"
#include "program/error.h"

namespace pairloom {
namespace {

// Rows of the parts of an instruction: matrix products of fewer are much slower, and the kernels that take long go
// through this many at a time.
constexpr uint32_t kFewestRows = 16, kRowsOfLong = 64;

[[noreturn]] void refuse(std::string what, std::string where, std::string got, std::string expected) {
  throw Error({std::move(what), "run, " + std::move(where), std::move(got), std::move(expected), ""});
}

uint64_t steps_of(const Request& request) { return (request.count + request.batch - 1) / request.batch; }

// Adds the time that `work` takes to `total` while profiling.
template <class Work>
void timed(bool on, uint64_t& total, Work&& work) {
  if (!on) return work();
  const uint64_t begin = now_ns();
  work();
  total += now_ns() - begin;
}

struct EndOfRun {
  std::vector<Translator>& translators;
  ~EndOfRun() {
    for (Translator& translator : translators) translator.end_run();
  }
};

}  // namespace

void Executor::check(const Request& request) const {
  if (request.batch == 0 || request.batch > program_.max_batch) {
    refuse("a wrong batch", "batch", std::to_string(request.batch), "1 to " + std::to_string(program_.max_batch));
  }
  if (request.start > request.rows || request.count > request.rows - request.start) {
    refuse("positions reach beyond the rows", "start, count",
           std::to_string(request.start) + " + " + std::to_string(request.count),
           "at most " + std::to_string(request.rows) + " rows");
  }
  const uint64_t steps = steps_of(request);
  if (request.scalars.size() != steps * scalars_.size()) {
    refuse("a wrong number of scalars", "scalars", std::to_string(request.scalars.size()),
           std::to_string(steps) + " steps x " + std::to_string(scalars_.size()));
  }
  if (request.outputs.size() != outputs_.size()) {
    refuse("a wrong number of outputs", "outputs", std::to_string(request.outputs.size()),
           std::to_string(outputs_.size()));
  }
  for (size_t i = 0; i < outputs_.size(); ++i) {
    const uint64_t entries = is_row(outputs_[i].space) ? request.count : steps;
    if (request.outputs[i].data() == nullptr || request.outputs[i].size() >= entries * outputs_[i].size) continue;
    refuse("an output array is too short", program_.outputs[i].name,
           std::to_string(request.outputs[i].size()) + " elements",
           std::to_string(entries) + " x " + std::to_string(outputs_[i].size));
  }
}

uint64_t Executor::run(Request request) {
  check(request);
  std::optional<Permutation> order;
  if (request.shuffled) order.emplace(request.rows, request.shuffle_seed, request.epoch);
  if (ahead_ != nullptr) ahead_->bind(request.columns, request.rows, order);
  loader_.bind(std::move(request.columns), request.rows, order);
  if (lane_ != nullptr) lane_->clear();
  step_.asked_ahead = asked_next_ = false;
  step_.seed = request.seed;
  packs_stale_ |= request.parameters_changed;
  const uint64_t steps = steps_of(request);
  const EndOfRun end{translators_};
  uint64_t done = 0;
  // Ranks that share their steps all end after the same one.
  while (done < steps && (ranks_ != nullptr || !cancelled())) run_step(request, done++);
  return done;
}

void Executor::set_step(StepContext& step, const Request& request, uint64_t index) const {
  step.step = request.first_step + index;
  step.first_position = request.start + index * request.batch;
  step.rows = uint32_t(std::min<uint64_t>(request.batch, request.count - index * request.batch));
  step.rows_left = request.count - index * request.batch - step.rows;
  step.tiles = (step.rows + program_.tile_rows - 1) / program_.tile_rows;
  step.groups = std::min(program_.groups, step.tiles);
  if (ranks_ == nullptr) return;
  step.nodes.clear();
  for (uint32_t rank = 0; rank < step.ranks; ++rank) {
    step.nodes.push_back(whole_nodes(step.groups, step.groups_of(rank)));
  }
}

void Executor::run_step(const Request& request, uint64_t index) {
  set_step(step_, request, index);
  failure_ = nullptr;
  if (ranks_ != nullptr) ranks_->set_step(step_.step);
  // On all ranks, also on those that fail before they read the lists: the sizes of messages follow from these.
  if (step_.asked_ahead) {
    for (RowRoute& route : routes_) route.advance();
  }
  loader_.begin_step(step_);
  count_entries();
  std::copy_n(request.scalars.begin() + ptrdiff_t(index * scalars_.size()), scalars_.size(), scalars_.begin());
  if (packs_stale_) pack_weights(packed_);
  packs_stale_ = false;
  begin_translations();
  for (const Section& section : sections_) {
    run_stage(section);
    if (&section == asks_after_) ask_for_next_step(request, index);
  }
  if (lane_ != nullptr) wait_for_lane(lane_->added());
  packs_stale_ = updates_parameters_;
  copy_outputs(request, index);
  step_.asked_ahead = std::exchange(asked_next_, false);
}

// Once the rows of this step are on their way.
void Executor::ask_for_next_step(const Request& request, uint64_t index) {
  if (index + 1 == steps_of(request)) return;
  StepContext next = step_;
  set_step(next, request, index + 1);
  lane_->add(ahead_->begin(*ranks_, pool_, workers_, std::move(next), failure_));
  asked_next_ = true;
}

void Executor::count_entries() {
  for (uint32_t sequence = 0; sequence < entries_.size(); ++sequence) {
    loader_.count_entries(program_.sequences[sequence], step_, entry_counts_);
    entries_[sequence].begin(step_.own_begin(), entry_counts_);
  }
}

// The ids that lose their rows by their values are known to those who keep these rows.
void Executor::begin_translations() {
  ExchangeStage norms, lists;
  for (Translator& translator : translators_) {
    try {
      translator.begin_step(step_.step);
    } catch (...) {
      if (ranks_ == nullptr) throw;
      if (!failure_) failure_ = std::current_exception();
    }
    if (ranks_ == nullptr || !translator.lists_outdated() || translator.kept() == nullptr) continue;
    if (auto passing = translator.pass_outdated()) norms.add(std::move(passing));
    lists.add(gather_keys(translator.outdated()));
  }
  for (ExchangeStage* const stage : {&norms, &lists}) {
    if (!stage->empty()) failure_ = stage->run(*ranks_, pool_, step_, failure_);
  }
}

// A rank that fails among others does nothing more until it has told them.
void Executor::run_stage(const Section& section) {
  if (section.waits_for) wait_for_lane(on_lane_[*section.waits_for]);
  const StageKind kind = section.stages[0].kind;
  if (kind == StageKind::kExchange) return run_exchange(section);
  if (failure_) return;
  if (is_tiled(kind)) run_tiles(section);
  else run_fixed(section);
  try {
    check_stage();
  } catch (...) {
    if (ranks_ == nullptr) throw;
    failure_ = std::current_exception();
  }
}

void Executor::run_exchange(const Section& section) {
  if (section.overlaps) {
    section.exchange->begin(*ranks_, pool_, step_, failure_);
    on_lane_[size_t(&section - sections_.data())] = lane_->add(*section.exchange);
    return;
  }
  if (lane_ != nullptr) wait_for_lane(lane_->added());
  try {
    failure_ = section.exchange->run(*ranks_, pool_, step_, failure_);
  } catch (...) {
    revert_translations();
    throw;
  }
}

void Executor::wait_for_lane(uint64_t stages) {
  try {
    const std::exception_ptr failure = lane_->wait_for(stages);
    if (!failure_) failure_ = failure;
  } catch (...) {
    lane_->clear();
    revert_translations();
    throw;
  }
}

// The first failure in the program's order counts, whichever thread met it.
void Executor::check_stage() {
  try {
    loader_.check();
    for (Translator& translator : translators_) translator.check();
  } catch (...) {
    revert_translations();
    throw;
  }
}

void Executor::revert_translations() {
  for (Translator& translator : translators_) translator.revert();
}

void Executor::pack_weights(const PackedWeights& weights) {
  timed(profiling_, packing_ns_, [&] { weights.pack(pool_); });
}

void Executor::run_tiles(const Section& section) {
  if (!section.packed.empty()) pack_weights(section.packed);
  if (!section.partials.empty()) return run_groups(section);
  const uint32_t rows = rows_of_small_job(), begin = step_.own_begin(), end = step_.own_end();
  const std::vector<FoldNode>& jobs = tile_jobs_.of({0, (end - begin + rows - 1) / rows}, pool_.threads(),
                                                    uint32_t(std::bit_width(rows_at_once() / rows)) - 1);
  pool_.run(uint32_t(jobs.size()), [&](uint32_t job, uint32_t thread) {
    const auto [level, index] = jobs[job];
    run_tile(section, tile_at(begin + (index << level) * rows, rows << level, 0, workers_[thread], nullptr));
  });
}

// A job is a node of the tree: one group, or two or four neighbours. Their sums are added along the tree, as the format
// requires: a thread takes two groups at once, and then adds the next two to their sum.
void Executor::run_groups(const Section& section) {
  // Chunks of entries end with their group.
  const bool single_tiles = step_.groups == step_.tiles && !section.has_entries;
  const std::vector<FoldNode>& jobs =
      group_jobs_.of(step_.own_groups(), pool_.threads(), single_tiles ? program_.tiles_at_once : 0);
  tree_.begin(step_.groups, step_.own_groups());
  pool_.run(uint32_t(jobs.size()), [&](uint32_t job, uint32_t thread) {
    Worker& worker = workers_[thread];
    const uint32_t copy = tree_.take();
    run_node(section, worker, jobs[job], single_tiles ? program_.tiles_at_once : 1, partials(copy));
    tree_.finish(jobs[job], copy,
                 [&](uint32_t into, uint32_t other, FoldNode node) { fold(section, into, other, node, thread); });
  });
  step_.sums.clear();
  for (const auto& [node, copy] : tree_.roots()) step_.sums.push_back({node, partials(copy), step_.rows_of(node)});
}

void Executor::run_node(const Section& section, Worker& worker, FoldNode node, uint32_t at_once, float* partials) {
  const uint32_t begin = step_.first_tile(node.index << node.level);
  const uint32_t end = step_.first_tile((node.index + 1) << node.level);
  for (uint32_t tile = begin; tile < end; tile += at_once) {
    const uint32_t rows = std::min(at_once, end - tile) * program_.tile_rows,
                   seen = (tile - begin) * program_.tile_rows;
    run_tile(section, tile_at(tile * program_.tile_rows, rows, seen, worker, partials));
  }
  const uint32_t first = begin * program_.tile_rows, last = std::min(end * program_.tile_rows, step_.rows);
  for (const Stage& stage : section.stages) {
    if (stage.kind != StageKind::kEntries) continue;
    const SequenceEntries& entries = entries_[stage.sequence];
    if (entries.before(last) == entries.before(first)) clear_partials(stage, partials);
  }
}

void Executor::clear_partials(const Stage& stage, float* partials) const {
  for (uint32_t i = stage.first; i < stage.first + stage.count; ++i) {
    for (const View& view : instructions_[i].views) {
      if (view.space == Space::kPartial) std::fill_n(partials + view.offset, view.size, 0.0f);
    }
  }
}

Tile Executor::tile_at(uint32_t first, uint32_t rows, uint32_t seen, Worker& worker, float* partials) const {
  return {.step = step_,
          .kernels = kernels_,
          .worker = worker,
          .memory = worker.tile.data(),
          .partials = partials,
          .first = first,
          .rows = std::min(rows, step_.own_end() - first),
          .seen = seen,
          .lines = worker.entries.data()};
}

// Through all stages up to the next barrier. After invalid ids, whose bags are empty, entries are not what they seem.
void Executor::run_tile(const Section& section, Tile tile) {
  if (section.loads) loader_.locate(step_.first_position + tile.first, tile.rows, tile.worker.source_rows.data());
  for (size_t s = 0; s < entries_.size(); ++s) {
    const uint32_t first = entries_[s].before(tile.first);
    tile.worker.entries[s].begin(first, entries_[s].before(tile.first + tile.rows) - first);
  }
  for (const Stage& stage : section.stages) {
    if (stage.kind == StageKind::kEntries) run_entries(stage, tile);
    else run_instructions(stage, tile);
    if (loader_.failed()) return;
  }
}

// The entries of the tile's rows, in chunks of as many as a tile has rows, wherever a row ends: however many entries a
// row has, they take no more memory.
void Executor::run_entries(const Stage& stage, Tile rows) {
  for (uint32_t i = stage.first; i < stage.first + stage.count; ++i) {
    if (instructions_[i].operation->begin != nullptr) instructions_[i].operation->begin(instructions_[i], rows);
  }
  const SequenceEntries& entries = entries_[stage.sequence];
  const uint32_t begin = entries.before(rows.first), end = entries.before(rows.first + rows.rows);
  const uint32_t first_of_node = entries.before(rows.first - rows.seen);
  for (uint32_t entry = begin; entry < end; entry += program_.tile_rows) {
    Tile chunk = tile_at(entry, program_.tile_rows, entry - first_of_node, rows.worker, rows.partials);
    chunk.rows = std::min(program_.tile_rows, end - entry);
    chunk.entries = &entries;
    run_instructions(stage, chunk);
  }
}

void Executor::run_instructions(const Stage& stage, Tile& tile) {
  for (uint32_t i = stage.first; i < stage.first + stage.count; ++i) {
    if (is_shared(*instructions_[i].operation)) share_instruction(i, tile);
    else run_instruction(i, tile);
    yield_to_lane();
  }
}

// Its thread may have no processor of its own.
void Executor::yield_to_lane() const {
  if (lane_ != nullptr && lane_->is_exchanging()) std::this_thread::yield();
}

void Executor::run_instruction(uint32_t index, Tile& tile) {
  const BoundInstruction& instruction = instructions_[index];
  if (!profiling_) instruction.operation->tile(instruction, tile);
  else timed(true, tile.worker.nanoseconds[index], [&] { instruction.operation->tile(instruction, tile); });
}

bool Executor::is_shared(const CpuOperation& operation) const {
  if (operation.sharing == Sharing::kNone) return false;
  return pool_.helpers() > 0 || (operation.takes_long && pool_.is_ending());
}

// As many as threads per job, since matrix products in parts are slower.
uint32_t Executor::parts_of(const BoundInstruction& instruction, uint32_t rows) const {
  const CpuOperation& operation = *instruction.operation;
  const uint32_t helpers = std::min(pool_.helpers(), pool_.threads() - 1), jobs = pool_.threads() - helpers;
  const uint32_t wanted = 1 + (helpers + jobs - 1) / jobs;
  if (operation.sharing == Sharing::kResult) return std::min(wanted, operation.shares(instruction));
  const uint32_t most = std::max(1u, rows / kFewestRows);
  return std::max(std::min(wanted, most), operation.takes_long ? (rows + kRowsOfLong - 1) / kRowsOfLong : 1);
}

// With threads that have no job left.
void Executor::share_instruction(uint32_t index, const Tile& tile) {
  const bool by_rows = instructions_[index].operation->sharing == Sharing::kRows;
  const uint32_t parts = parts_of(instructions_[index], tile.rows);
  pool_.share(parts, thread_of(tile.worker), [&](uint32_t part, uint32_t thread) {
    const uint32_t begin = part_begin(tile.rows, part, parts), end = part_begin(tile.rows, part + 1, parts);
    Worker& worker = workers_[thread];
    Tile mine = by_rows ? tile.part(begin, end - begin, worker) : tile.share(part, parts, worker);
    run_instruction(index, mine);
  });
}

// Where threads have no job left, they share the elements.
void Executor::fold(const Section& section, uint32_t into, uint32_t other, FoldNode node, uint32_t thread) {
  const auto run = [&](uint32_t part, uint32_t parts, uint32_t helper) {
    timed(profiling_, workers_[helper].folding, [&] { fold_part(section, into, other, node, part, parts); });
  };
  if (pool_.helpers() == 0) return run(0, 1, thread);
  const uint32_t parts = pool_.threads();
  pool_.share(parts, thread, [&](uint32_t part, uint32_t helper) { run(part, parts, helper); });
}

void Executor::fold_part(const Section& section, uint32_t into, uint32_t other, FoldNode node, uint32_t index,
                         uint32_t parts) {
  float *to = partials(into), *from = partials(other);
  const uint32_t rows = step_.rows_of(node), other_rows = step_.rows_of({node.level, node.index ^ 1});
  for (const Partials& part : section.partials) {
    const size_t first = part_begin(part.size, index, parts), size = part_begin(part.size, index + 1, parts) - first;
    const size_t begin = part.offset + first;
    if (part.m2 == 0) {
      kernels_.accumulate(to + begin, from + begin, size, 1.0f);
      continue;
    }
    const Reduced mine{{to + begin, to + begin + part.m2}, rows};
    const Reduced theirs{{from + begin, from + begin + part.m2}, other_rows};
    const bool second = node.index % 2 == 1;
    merge_moments(second ? theirs : mine, second ? mine : theirs, mine, size);
  }
}

// Rows are looked up on all threads; then each translation gives rows to the new ids, in their order.
void Executor::look_up(const Section& section) {
  const uint32_t count = uint32_t(section.translations.size()), parts = pool_.threads();
  const auto run = [&](uint32_t index, uint32_t thread, const auto& work) {
    const uint32_t i = section.translations[index];
    const BoundInstruction& instruction = instructions_[i];
    Translator& translator = translators_[size_t(instruction.attribute(0))];
    if (!profiling_) return work(translator, instruction);
    timed(true, workers_[thread].nanoseconds[i], [&] { work(translator, instruction); });
  };
  pool_.run(count, [&](uint32_t index, uint32_t thread) {
    run(index, thread, [&](Translator& t, const BoundInstruction& i) { t.read(i, step_, parts); });
  });
  pool_.run(count * parts, [&](uint32_t job, uint32_t thread) {
    run(job / parts, thread, [&](Translator& t, const BoundInstruction&) { t.look_up(job % parts); });
  });
}

void Executor::run_fixed(const Section& section) {
  if (!section.translations.empty()) look_up(section);
  pool_.run(uint32_t(section.jobs.size()), [&](uint32_t index, uint32_t thread) {
    const FixedJob& job = section.jobs[index];
    Worker& worker = workers_[thread];
    if (!profiling_) run_fixed_job(job, worker);
    else timed(true, worker.nanoseconds[job.instruction], [&] { run_fixed_job(job, worker); });
    yield_to_lane();
  });
}

void Executor::run_fixed_job(const FixedJob& job, Worker& worker) {
  const BoundInstruction& instruction = instructions_[job.instruction];
  if (instruction.operation->fixed != nullptr) return instruction.operation->fixed(instruction, job, worker);
  // An elementwise operation of fixed operands: one row.
  Tile row{.step = step_,
           .kernels = kernels_,
           .worker = worker,
           .memory = nullptr,
           .partials = nullptr,
           .first = 0,
           .rows = 1,
           .seen = 0};
  instruction.operation->tile(instruction, row);
}

void Executor::copy_outputs(const Request& request, uint64_t index) {
  for (size_t i = 0; i < outputs_.size(); ++i) {
    const View& view = outputs_[i];
    if (request.outputs[i].data() == nullptr) continue;
    const bool per_row = is_row(view.space);
    float* to = request.outputs[i].data() + (per_row ? index * request.batch : index) * view.size;
    const uint32_t begin = per_row ? step_.own_begin() : 0, end = per_row ? step_.own_end() : 1;
    for (uint32_t r = begin; r < end; ++r) {
      std::memcpy(to + r * view.size, view.base + r * view.stride, view.size * sizeof(float));
    }
  }
  if (ranks_ != nullptr) share_outputs(request, index);
}

// Every rank gets the rows of all. A program without another exchange learns here of failures.
void Executor::share_outputs(const Request& request, uint64_t index) {
  ExchangeStage stage;
  for (size_t i = 0; i < outputs_.size(); ++i) {
    if (request.outputs[i].data() == nullptr || !is_row(outputs_[i].space)) continue;
    stage.add(gather_outputs(request.outputs[i].data() + index * request.batch * outputs_[i].size, outputs_[i].size));
  }
  if (!stage.empty()) failure_ = stage.run(*ranks_, pool_, step_, failure_);
  if (failure_) std::rethrow_exception(failure_);
}

void Executor::enable_profile(bool on) {
  profiling_ = on;
  packing_ns_ = 0;
  for (Worker& worker : workers_) {
    worker.nanoseconds.assign(instructions_.size(), 0);
    worker.folding = 0;
  }
}

std::vector<uint64_t> Executor::profile() const {
  std::vector<uint64_t> totals(instructions_.size() + 2, 0);
  for (const Worker& worker : workers_) {
    for (size_t i = 0; i < worker.nanoseconds.size(); ++i) totals[i] += worker.nanoseconds[i];
    totals[instructions_.size()] += worker.folding;
  }
  totals.back() = packing_ns_;
  return totals;
}

}  // namespace pairloom
