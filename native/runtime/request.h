// The request for a run, on any device.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "program/program.h"

namespace pairloom {

// One input's data. fp32 and id: row r starts at data + offset + r * stride, in elements. bag: row r is values
// [offsets[r], offsets[r + 1]) of `data`, with optional weights at the same positions. Elements have 4 bytes, 64-bit
// ids 8; lengths are in elements.
struct Column {
  DType dtype;
  const void* data;
  uint64_t length;
  uint64_t offset, stride;
  const uint64_t* offsets;
  uint64_t offsets_length;
  const float* weights = nullptr;
  uint64_t weights_length = 0;
};

struct Request {
  std::vector<Column> columns;  // in the order of the program's inputs
  uint64_t rows;                // in the columns
  uint64_t start, count;        // range of positions in the epoch
  uint32_t batch;               // rows per step; the last step may have fewer
  bool shuffled;
  uint64_t shuffle_seed, epoch;
  uint64_t seed, first_step;
  std::span<const float> scalars;         // steps x scalars
  std::vector<std::span<float>> outputs;  // in program order; null data: not requested
  bool parameters_changed;                // by others, since the last run of this executor
};

// The memory of a parameter: fp32 numbers, or 16-bit numbers in the program's format.
struct ParameterMemory {
  void* data;
  size_t count, bytes;  // count, and bytes per number
  uint8_t* changed = nullptr;  // of a table, a byte per row: all bits are set when the row is updated. Null: not wanted
  size_t held = count;         // numbers that the memory has room for; fewer for rows in frames, see RowFrames

  ParameterMemory(std::span<float> numbers) : data(numbers.data()), count(numbers.size()), bytes(sizeof(float)) {}
  ParameterMemory(std::span<uint16_t> numbers) : data(numbers.data()), count(numbers.size()), bytes(sizeof(uint16_t)) {}
  const char* begin() const { return static_cast<const char*>(data); }
  const char* end() const { return begin() + held * bytes; }
};

}  // namespace pairloom
