// Runs a verified program: binds it to memory once, then takes many steps a call.
#pragma once

#include <deque>
#include <map>
#include <vector>

#include "cpu/bound.h"
#include "cpu/exchange/ask_ahead.h"
#include "cpu/exchange/exchange_lane.h"
#include "cpu/exchange/row_route.h"
#include "cpu/fold_tree.h"
#include "cpu/loader.h"
#include "cpu/packed_weights.h"
#include "cpu/pool.h"
#include "cpu/translator.h"
#include "program/program.h"
#include "runtime/executable.h"

namespace pairloom {

class Executor : public Executable {
 public:
  // `parameters` in the order of the program's parameter buffers; they must outlive the executor. Throws Error.
  // `translations` in the order of the program's. `ranks`: of a program with exchange stages, else null.
  Executor(Program program, std::vector<ParameterMemory> parameters, uint32_t threads,
           std::vector<std::shared_ptr<Translation>> translations = {}, std::shared_ptr<Communicator> ranks = nullptr);

  uint64_t run(Request request) override;
  const Program& program() const override { return program_; }
  bool waits_for_ranks() const override { return ranks_ != nullptr; }
  void enable_profile(bool on) override;
  std::vector<uint64_t> profile() const override;

 private:
  // Partial results side by side that are folded in the same way: sums of `size` floats, or means and, `m2` floats on, their M2.
  struct Partials {
    size_t offset, size;
    size_t m2 = 0;
  };
  struct Section {  // a stage made ready to run, or stages of tiles without a barrier between them
    std::vector<Stage> stages;
    bool loads, has_entries;  // whether it has inputs, and entries of sequences
    std::vector<Partials> partials;
    std::vector<FixedJob> jobs;          // fixed stages
    std::vector<uint32_t> translations;  // instructions, likewise
    PackedWeights packed;                // tile stages: weights that an earlier stage of the step computes
    std::unique_ptr<ExchangeStage> exchange;  // exchange stages
    bool overlaps = false;   // the exchange goes on while later sections run
    bool fetches = false;    // rows of tables
    std::optional<size_t> waits_for;  // a section before: its exchange must have ended
  };

  void bind_ranks(std::shared_ptr<Communicator> ranks);
  void bind_routes();
  Translator* translator_of(const Instruction& unique_rows);
  void bind_translations(std::vector<std::shared_ptr<Translation>> translations);
  void bind_parameters(const std::vector<ParameterMemory>& parameters);
  void allocate();
  void bind_instructions();
  // Those of the rows that a translation has just written, by their memory, while instructions are bound.
  using NamesByMemory = std::map<const float*, const RowNames*>;
  void bind_origins(BoundInstruction& bound, NamesByMemory& names);
  void bind_sums(BoundInstruction& bound, RowRoute& route);
  void bind_readers(BoundInstruction& lookup);
  // The inputs that load the first half of the operands; none if one of these is computed, so not known before its step.
  std::vector<uint32_t> inputs_of(const Instruction& reader) const;
  void bind_lane();
  void bind_ahead();
  bool brings_rows(const Section& exchange) const;
  void allocate_scratch();
  std::vector<Stage> without_barrier(size_t first) const;
  Section bind_section(std::vector<Stage> stages);
  std::vector<Partials> partials_of(uint32_t begin, uint32_t end) const;  // of instructions
  // Rows of the last jobs of a stage without sums: half a tile, so that threads finish together.
  uint32_t rows_of_small_job() const {
    return program_.tile_rows % 64 == 0 ? program_.tile_rows / 2 : program_.tile_rows;
  }
  uint32_t rows_at_once() const { return program_.tile_rows * program_.tiles_at_once; }
  float* partials(uint32_t copy) const { return partial_.data() + size_t{copy} * partial_stride_; }
  View bind(const Operand& operand) const;

  void check(const Request& request) const;
  void run_step(const Request& request, uint64_t index);
  void begin_translations();
  void run_stage(const Section& section);
  void run_exchange(const Section& section);
  void wait_for_lane(uint64_t stages);
  void ask_for_next_step(const Request& request, uint64_t index);
  void set_step(StepContext& step, const Request& request, uint64_t index) const;
  void check_stage();
  void revert_translations();
  void run_tiles(const Section& section);
  void run_groups(const Section& section);
  void run_node(const Section& section, Worker& worker, FoldNode node, uint32_t at_once, float* partials);
  Tile tile_at(uint32_t first, uint32_t rows, uint32_t seen, Worker& worker, float* partials) const;
  void clear_partials(const Stage& stage, float* partials) const;
  void run_tile(const Section& section, Tile tile);
  void run_entries(const Stage& stage, Tile rows);
  void yield_to_lane() const;
  void run_instructions(const Stage& stage, Tile& tile);
  void run_instruction(uint32_t index, Tile& tile);
  bool is_shared(const CpuOperation& operation) const;
  uint32_t parts_of(const BoundInstruction& instruction, uint32_t rows) const;
  void share_instruction(uint32_t index, const Tile& tile);
  void count_entries();
  void fold(const Section& section, uint32_t into, uint32_t other, FoldNode node, uint32_t thread);
  void fold_part(const Section& section, uint32_t into, uint32_t other, FoldNode node, uint32_t index, uint32_t parts);
  uint32_t thread_of(const Worker& worker) const { return uint32_t(&worker - workers_.data()); }
  void look_up(const Section& section);
  void run_fixed(const Section& section);
  void run_fixed_job(const FixedJob& job, Worker& worker);
  void pack_weights(const PackedWeights& weights);
  void copy_outputs(const Request& request, uint64_t index);
  void share_outputs(const Request& request, uint64_t index);

  const KernelTable& kernels_;
  const Program program_;
  Pool pool_;
  Loader loader_;
  std::vector<SequenceEntries> entries_;  // by sequence
  std::vector<uint32_t> entry_counts_;
  std::vector<Translator> translators_;
  std::shared_ptr<Communicator> ranks_;  // null: alone
  std::deque<RowRoute> routes_;
  std::vector<RowRoute*> route_of_;      // by buffer: parameters of shards, and what their owners get; or null
  std::map<uint32_t, uint32_t> input_of_;  // by buffer: the input that loads it
  std::exception_ptr failure_;           // of this rank, which the others do not know of yet
  FoldTree tree_;  // which copy of the partial results holds which groups
  GuidedNodes tile_jobs_, group_jobs_;
  PackedWeights packed_;           // weights that are parameters
  std::vector<float*> bases_;      // by buffer: parameters, scalars, fixed and batch buffers
  std::vector<uint8_t*> changed_;  // by buffer: ParameterMemory::changed
  std::vector<float> scalars_;     // of the step
  Arena fixed_, partial_, batch_;
  size_t partial_stride_ = 0;    // floats from one copy of the partial results to the next
  std::vector<Worker> workers_;  // by thread
  std::vector<BoundInstruction> instructions_;
  std::vector<View> outputs_;
  std::vector<Section> sections_;
  std::vector<uint64_t> on_lane_;       // by section: the stages of the lane with its own, in this step
  std::unique_ptr<AskAhead> ahead_;     // if ids follow from the data alone
  const Section* asks_after_ = nullptr;  // then: the last section that fetches rows
  bool asked_next_ = false;             // in this step, for the next one
  StepContext step_{};
  bool updates_parameters_ = false, packs_stale_ = true, profiling_ = false;
  uint64_t packing_ns_ = 0;
  // If some exchanges overlap. The last member: its thread uses the others.
  std::unique_ptr<ExchangeLane> lane_;
};

}  // namespace pairloom
