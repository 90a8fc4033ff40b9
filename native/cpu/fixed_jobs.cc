#include "cpu/fixed_jobs.h"

#include <algorithm>
#include <bit>

#include "runtime/table_layout.h"
#include "cpu/tables/update.h"

namespace pairloom {
namespace {

constexpr size_t kChunk = 16384;  // elements of a job: some microseconds of work, whole cache lines
constexpr size_t kJobsPerThread = 4;

void add_ranges(std::vector<FixedJob>& jobs, uint32_t instruction, uint32_t part, size_t size, size_t chunk) {
  for (size_t begin = 0; begin < size; begin += chunk) {
    jobs.push_back({instruction, part, 1, begin, std::min(begin + chunk, size)});
  }
}

// How much a table update weighs: what it gathers.
size_t table_weight(const BoundInstruction& instruction) {
  return table_layout(*instruction.source).pairs * instruction.views[0].dims[1];
}

// Many tables are parallel enough as they are; a table with a large share of the work is cut.
uint32_t table_parts(size_t weight, size_t total, uint32_t threads) {
  if (threads == 1) return 1;
  return uint32_t(std::clamp<size_t>(weight * kJobsPerThread * threads / total, 1, kJobsPerThread * threads));
}

bool reads_pairs(const BoundInstruction& instruction) {
  return instruction.operation->split == Split::kTable || instruction.operation->split == Split::kTableParts;
}

void add_table(std::vector<FixedJob>& jobs, uint32_t index, const BoundInstruction& instruction, uint32_t parts) {
  const size_t rows = instruction.views[0].dims[0], dim = instruction.views[0].dims[1];
  if (table_layout(*instruction.source).every_row) {
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
    if (reads_pairs(instructions[i])) table_total += table_weight(instructions[i]);
  }
  std::vector<FixedJob> tables, others;  // tables first: their jobs are the longest
  for (uint32_t i = stage.first; i < stage.first + stage.count; ++i) {
    const BoundInstruction& instruction = instructions[i];
    const auto& views = instruction.views;
    switch (instruction.operation->split) {
      case Split::kTable:
        add_table(tables, i, instruction, table_parts(table_weight(instruction), table_total, threads));
        break;
      case Split::kTableParts: {  // a power of two divides the parts of the format
        const uint32_t parts = std::bit_floor(table_parts(table_weight(instruction), table_total, threads));
        add_table(tables, i, instruction, std::min(parts, kTableSumParts));
        break;
      }
      case Split::kElements: add_ranges(others, i, 0, views[0].size, kChunk); break;
      case Split::kPairs:
        for (uint32_t pair = 0; pair < views.size() / 2; ++pair) add_ranges(others, i, pair, views[pair].size, kChunk);
        break;
      default: others.push_back({i, 0, 1, 0, 0});
    }
  }
  tables.insert(tables.end(), others.begin(), others.end());
  return tables;
}

}  // namespace pairloom
