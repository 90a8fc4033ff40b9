// Data to run a program on.
#pragma once

#include <memory>

#include "cpu/executor.h"
#include "cpu/tables/halves.h"
#include "tests/random.h"

namespace pairloom::test {

// Memory of exactly the size that the program asks for, so that the address sanitizer sees every step beyond it.
template <class Element>
struct Exact {
  explicit Exact(size_t count) : size(count), data(new Element[count]()) {}
  size_t size;
  std::unique_ptr<Element[]> data;
  std::span<Element> span() const { return {data.get(), size}; }
};

struct RunData {
  std::vector<Exact<float>> parameters, floats, weights, outputs;
  std::vector<Exact<uint16_t>> halves;  // parameters of 16-bit numbers
  std::vector<ParameterMemory> memory;  // of all parameters, in the program's order
  std::vector<Exact<int32_t>> ids;
  std::vector<Exact<int64_t>> wide_ids;
  std::vector<Exact<uint64_t>> offsets;
  Exact<float> scalars{0};
  Request request{};

  // 16-bit numbers as the whole numbers that their bits are.
  std::vector<float> all_parameters() const {
    std::vector<float> all;
    for (const auto& p : parameters) all.insert(all.end(), p.span().begin(), p.span().end());
    for (const auto& p : halves) all.insert(all.end(), p.span().begin(), p.span().end());
    return all;
  }
};

// Columns of `rows` rows for the program's inputs, parameters in [0, 0.5) (states must not be negative), and outputs
// for `count` positions. Bags have weights where the seed is odd.
inline RunData make_data(const Program& p, uint64_t rows, uint32_t batch, uint64_t seed) {
  RunData data;
  Random random(seed);
  const uint64_t steps = (rows + batch - 1) / batch;
  for (uint32_t index : p.buffers_in(Space::kParameter)) {
    const Buffer& buffer = p.buffers[index];
    if (is_half(buffer.dtype)) {
      data.halves.emplace_back(buffer.width);
      for (uint16_t& half : data.halves.back().span())
        half = nearest_half(0.5f * random.unit(), table_format(buffer.dtype));
      data.memory.push_back(data.halves.back().span());
      continue;
    }
    data.parameters.emplace_back(buffer.width);
    data.memory.push_back(data.parameters.back().span());
    for (float& value : data.parameters.back().span()) value = 0.5f * random.unit();
  }
  for (const Input& input : p.inputs) {
    if (input.dtype == DType::kFp32) {
      data.floats.emplace_back(rows * input.width);
      for (float& value : data.floats.back().span()) value = random.unit() - 0.5f;
      data.request.columns.push_back(
          {input.dtype, data.floats.back().data.get(), rows * input.width, 0, input.width, nullptr, 0});
      continue;
    }
    const bool bag = is_bag(input.dtype);
    const auto any_id = [&] {
      return random.below(1 + random.below(uint32_t(std::min(input.limit, kMostNarrowRows))));
    };
    const size_t count = bag ? 3 * rows : rows;
    if (is_wide(input.dtype)) {
      data.wide_ids.emplace_back(count);
      for (int64_t& id : data.wide_ids.back().span()) id = int64_t(any_id());
      data.request.columns.push_back({input.dtype, data.wide_ids.back().data.get(), count, 0, 1, nullptr, 0});
    } else {
      data.ids.emplace_back(count);
      for (int32_t& id : data.ids.back().span()) id = int32_t(any_id());
      data.request.columns.push_back({input.dtype, data.ids.back().data.get(), count, 0, 1, nullptr, 0});
    }
    if (!bag) continue;
    data.offsets.emplace_back(rows + 1);
    for (uint64_t row = 0; row < rows; ++row) {
      data.offsets.back().data[row + 1] = data.offsets.back().data[row] + random.below(4);
    }
    data.request.columns.back().offsets = data.offsets.back().data.get();
    data.request.columns.back().offsets_length = rows + 1;
    if (seed % 2 == 0) continue;
    data.weights.emplace_back(3 * rows);
    for (float& value : data.weights.back().span()) value = 2 * random.unit() - 1;
    data.request.columns.back().weights = data.weights.back().data.get();
    data.request.columns.back().weights_length = 3 * rows;
  }
  for (const Output& output : p.outputs) {
    const bool row = is_row(p.buffer(output.operand).space);
    data.outputs.emplace_back((row ? rows : steps) * output.operand.size());
    data.request.outputs.push_back(data.outputs.back().span());
  }
  data.scalars = Exact<float>(steps * p.buffers_in(Space::kScalar).size());
  for (float& value : data.scalars.span()) value = 0.05f;
  data.request.rows = data.request.count = rows;
  data.request.batch = batch;
  data.request.seed = seed;
  data.request.scalars = data.scalars.span();
  return data;
}

}  // namespace pairloom::test
