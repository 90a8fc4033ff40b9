// Runs a verified program: binds it to memory once, then takes many steps a call.
#pragma once

#include <atomic>
#include <memory>
#include <span>
#include <vector>

#include "cpu/bound.h"
#include "cpu/loader.h"
#include "cpu/packed_weights.h"
#include "cpu/pool.h"
#include "program/program.h"

namespace pairloom {

struct Request {
  std::vector<Column> columns;       // in the order of the program's inputs
  uint64_t rows;                     // of the columns
  uint64_t start, count;             // the positions of the epoch to run
  uint32_t batch;                    // rows of a step; the last may have fewer
  bool shuffled;
  uint64_t shuffle_seed, epoch;
  uint64_t seed, first_step;
  std::span<const float> scalars;    // steps x scalars
  std::vector<std::span<float>> outputs;  // in the program's order; null data: not wanted
  bool parameters_changed;           // since the last run, by another than this executor
};

// The memory of a parameter: f32 numbers, or 16-bit ones whose format the program says.
struct ParameterMemory {
  void* data;
  size_t count, bytes;  // numbers, and bytes of each

  ParameterMemory(std::span<float> numbers) : data(numbers.data()), count(numbers.size()), bytes(sizeof(float)) {}
  ParameterMemory(std::span<uint16_t> numbers) : data(numbers.data()), count(numbers.size()), bytes(sizeof(uint16_t)) {}
  const char* begin() const { return static_cast<const char*>(data); }
  const char* end() const { return begin() + count * bytes; }
};

class Executor {
 public:
  // `parameters` in the order of the program's parameter buffers; they must outlive the executor. Throws Error.
  Executor(Program program, std::vector<ParameterMemory> parameters, uint32_t threads);

  // Runs ceil(count / batch) steps, or fewer if cancelled, and returns how many. Row outputs are in the order of
  // positions, fixed outputs have one entry a step. Throws Error: a bad request before the first step; a bad id
  // at its step, with the parameters as the step before left them. One run at a time.
  uint64_t run(Request request);

  // Ends the run in flight after the step it is in.
  void cancel() { cancelled_.store(true, std::memory_order_relaxed); }

  // Marks the executor as in use; false if it is. `release` ends it.
  bool acquire() {
    if (running_.exchange(true, std::memory_order_acquire)) return false;
    cancelled_.store(false, std::memory_order_relaxed);
    return true;
  }
  void release() { running_.store(false, std::memory_order_release); }

  const Program& program() const { return program_; }
  void enable_profile(bool on);
  // Nanoseconds of all threads by instruction, and as a last entry those of packing weights (wall time).
  std::vector<uint64_t> profile() const;

 private:
  struct Section {  // a stage made ready to run
    Stage stage;
    bool loads, reduces;         // whether it has inputs, partial results
    std::vector<FixedJob> jobs;  // fixed stages
    PackedWeights packed;        // tile stages: weights that an earlier stage of the step computes
  };

  void bind_parameters(const std::vector<ParameterMemory>& parameters);
  void allocate();
  void bind_instructions();
  void allocate_scratch();
  Section bind_stage(const Stage& stage);
  View bind(const Operand& operand) const;

  void check(const Request& request) const;
  void run_step(const Request& request, uint64_t index);
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
  std::atomic<bool> cancelled_{false}, running_{false};
};

}  // namespace pairloom
