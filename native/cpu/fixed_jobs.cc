#include "cpu/fixed_jobs.h"

#include <algorithm>

#include "cpu/operation.h"

namespace pairloom {
namespace {

constexpr size_t kChunk = 16384;  // elements of a job: some microseconds of work, whole cache lines
constexpr size_t kJobsPerThread = 8;

void add_ranges(std::vector<FixedJob>& jobs, uint32_t instruction, uint32_t part, size_t size, size_t chunk) {
  for (size_t begin = 0; begin < size; begin += chunk) {
    jobs.push_back({instruction, part, 1, begin, std::min(begin + chunk, size)});
  }
}

// The cost of a table update: the elements that it gathers.
size_t table_weight(const BoundInstruction& instruction) {
  return instruction.table.pairs * instruction.views[0].dims[1];
}

// Many tables give enough parallelism; a table with a large share of the work is divided.
uint32_t table_parts(size_t weight, size_t total, uint32_t threads) {
  if (threads == 1) return 1;
  return uint32_t(std::clamp<size_t>(weight * kJobsPerThread * threads / total, 1, kJobsPerThread * threads));
}

bool is_table(const BoundInstruction& instruction) { return instruction.rule->execution == Execution::kTable; }

// Ranges of the elements of each result: operand 0 or, with partial results, one result for each of them.
void add_elements(std::vector<FixedJob>& jobs, uint32_t index, const BoundInstruction& instruction) {
  const auto& views = instruction.views;
  const bool folds = views[0].space == Space::kPartial;
  const uint32_t results = folds ? uint32_t(views.size() / 2) : 1;
  for (uint32_t part = 0; part < results; ++part) add_ranges(jobs, index, part, views[part].size, kChunk);
}

void add_table(std::vector<FixedJob>& jobs, uint32_t index, const BoundInstruction& instruction, uint32_t parts) {
  const size_t rows = instruction.views[0].dims[0], dim = instruction.views[0].dims[1];
  if (instruction.table.every_row) {
    add_ranges(jobs, index, 0, rows, std::max<size_t>(1, 4 * kChunk / dim));
    return;
  }
  for (uint32_t part = 0; part < parts; ++part) jobs.push_back({index, part, parts, 0, rows});
}

}  // namespace

std::vector<FixedJob> plan_fixed_jobs(const std::vector<BoundInstruction>& instructions, const Stage& stage,
                                      uint32_t threads) {
  size_t table_total = 0;
  for (uint32_t i = stage.first; i < stage.first + stage.count; ++i) {
    if (is_table(instructions[i])) table_total += table_weight(instructions[i]);
  }
  std::vector<FixedJob> tables, others;  // tables first: they have the longest jobs
  for (uint32_t i = stage.first; i < stage.first + stage.count; ++i) {
    const BoundInstruction& instruction = instructions[i];
    if (is_table(instruction)) {
      add_table(tables, i, instruction, table_parts(table_weight(instruction), table_total, threads));
    } else if (instruction.rule->elementwise && instruction.rule->placement == Placement::kFixed) {
      add_elements(others, i, instruction);
    } else {
      others.push_back({i, 0, 1, 0, 0});
    }
  }
  tables.insert(tables.end(), others.begin(), others.end());
  return tables;
}

}  // namespace pairloom
