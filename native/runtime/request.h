// What a run is asked to do, on any device.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "program/program.h"

namespace pairloom {

// One input's data. f32 and id: row r starts at data + offset + r * stride, in elements. bag: row r is values
// [offsets[r], offsets[r + 1]) of `data`, with the weights at the same positions, if there are any. Elements have 4
// bytes, ids of 64 bits 8; lengths are in elements.
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

}  // namespace pairloom
