// Runs a verified program: binds it to memory once, then takes many steps a call.
#pragma once

#include <vector>

#include "cpu/bound.h"
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
  // `translations` in the order of the program's.
  Executor(Program program, std::vector<ParameterMemory> parameters, uint32_t threads,
           std::vector<std::shared_ptr<Translation>> translations = {});

  uint64_t run(Request request) override;
  const Program& program() const override { return program_; }
  void enable_profile(bool on) override;
  std::vector<uint64_t> profile() const override;

 private:
  struct Section {  // a stage made ready to run
    Stage stage;
    bool loads, reduces;         // whether it has inputs, partial results
    std::vector<FixedJob> jobs;  // fixed stages
    PackedWeights packed;        // tile stages: weights that an earlier stage of the step computes
  };

  void bind_translations(std::vector<std::shared_ptr<Translation>> translations);
  void bind_parameters(const std::vector<ParameterMemory>& parameters);
  void allocate();
  void bind_instructions();
  void allocate_scratch();
  Section bind_stage(const Stage& stage);
  View bind(const Operand& operand) const;

  void check(const Request& request) const;
  void run_step(const Request& request, uint64_t index);
  void check_stage();
  void run_tiles(const Section& section);
  void run_tile(const Section& section, Worker& worker, uint32_t index, uint32_t group);
  void run_fixed(const Section& section);
  void run_fixed_job(const FixedJob& job, Worker& worker);
  void pack_weights(const PackedWeights& weights);
  void copy_outputs(const Request& request, uint64_t index);

  const KernelTable& kernels_;
  const Program program_;
  Pool pool_;
  Loader loader_;
  std::vector<Translator> translators_;
  PackedWeights packed_;         // weights that are parameters
  std::vector<float*> bases_;    // by buffer: parameters, scalars, fixed and batch buffers
  std::vector<float> scalars_;   // of the step
  Arena fixed_, partial_, batch_;
  std::vector<Worker> workers_;  // by thread
  std::vector<BoundInstruction> instructions_;
  std::vector<View> outputs_;
  std::vector<Section> sections_;
  StepContext step_{};
  bool updates_parameters_ = false, packs_stale_ = true, profiling_ = false;
  uint64_t packing_ns_ = 0;
};

}  // namespace pairloom
