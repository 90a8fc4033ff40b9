#include <algorithm>
#include <map>
#include <numbers>

#include "cpu/kernels/dispatch.h"
#include "cpu/tables/fill.h"
#include "cpu/tables/sort.h"
#include "runtime/table_layout.h"
#include "tests/kernels_plain.h"
#include "tests/plain_normal.h"
#include "tests/test.h"
#include "tests/training_program.h"
#include "tests/run_data.h"

namespace pairloom {
namespace {

using test::Random;

TEST(sort_is_stable_by_row) {
  Random random(1);
  for (uint32_t round = 0; round < 200; ++round) {
    const uint32_t count = random.below(3000), limit = 1 + random.next() % (round % 2 ? 100 : 1u << 31);
    std::vector<uint64_t> keys(count), spare(count);
    for (uint32_t i = 0; i < count; ++i) keys[i] = uint64_t{random.below(limit)} << 32 | i;
    std::vector<uint64_t> expected = keys;
    std::stable_sort(expected.begin(), expected.end(), [](uint64_t a, uint64_t b) { return a >> 32 < b >> 32; });
    const uint64_t* sorted = sort_by_row(keys.data(), spare.data(), count, limit);
    CHECK(std::equal(expected.begin(), expected.end(), sorted));
  }
}

// Every update of a table as the format has it: weights, rate, states, factor, pairs; settings, then what all have.
TEST(layouts_of_table_updates_follow_their_signatures) {
  struct Expected {
    Opcode opcode;
    size_t states, settings;
  };
  static constexpr Expected kUpdates[] = {
      {Opcode::kTableSgd, 0, 0},
      {Opcode::kTableAdagrad, 1, 1},
      {Opcode::kTableRowWiseAdagrad, 1, 1},
      {Opcode::kTableAdam, 2, 3},
      {Opcode::kTableRmsprop, 1, 2},
      {Opcode::kTableAdadelta, 2, 2},
      {Opcode::kTableLamb, 2, 4},
      {Opcode::kTablePartialRowWiseAdam, 2, 3},
      {Opcode::kTablePartialRowWiseLamb, 2, 4},
      {Opcode::kTableLarsSgd, 1, 3},
  };
  for (const Expected& expected : kUpdates) {
    for (const size_t scaled : {0, 1}) {
      Instruction update{expected.opcode, std::vector<Operand>(2 + expected.states + scaled + 2 * 3), {}};
      update.attributes.assign(expected.settings, 0.5);
      for (const double value : {7.0, 0.25, 1.0, 3.0, double(scaled), 0.0, 1.0, 0.0})
        update.attributes.push_back(value);
      const TableLayout layout = table_layout(update);
      CHECK_EQ(layout.states, expected.states);
      CHECK_EQ(layout.pairs, size_t{3});
      if (expected.states > 0) CHECK_EQ(layout.first_state, size_t{2});
      CHECK_EQ(layout.first_pair, 2 + expected.states + scaled);
      CHECK_EQ(layout.factor, scaled ? 2 + expected.states : 0);
      CHECK_EQ(layout.first_pooling, expected.settings + 5);
      CHECK_EQ(layout.stream, 7u);
      CHECK_EQ(layout.l2, 0.25f);
      CHECK(layout.every_row);
      CHECK_EQ(layout.limit, 3.0f);
    }
  }
}

// One table, looked up by a column of ids and by a bag, updated by SGD from gradients that are inputs.
constexpr uint32_t kStream = 9;
std::vector<uint8_t> table_program(uint32_t rows, uint32_t dim, bool every_row, bool mean, DType dtype = DType::kFp32) {
  test::ProgramBuilder b(512, 32, 2);
  const Operand table = b.parameter({rows, dim}, dtype), lr = b.scalar();
  const Operand id = b.buffer(Space::kBatch, {1}, DType::kId), bag = b.buffer(Space::kBatch, {1}, DType::kBag);
  const Operand first = b.batch({dim}), second = b.batch({dim});
  b.stage(StageKind::kTile);
  b.input(id, rows);
  b.input(bag, rows);
  b.input(first);
  b.input(second);
  b.stage(StageKind::kFixed);
  b.add(Opcode::kTableSgd, {table, lr, id, first, bag, second},
        {kStream, 0.5, double(every_row), 0, 0, 0, double(mean)});
  return b.bytes();
}

// The format's definition, term by term. Multiplied out in the order of the kernel, so that equality is exact.
std::vector<float> naive_update(const test::RunData& data, uint32_t rows, uint32_t dim, bool every_row, bool mean) {
  std::map<uint32_t, std::vector<float>> sums;
  const auto add = [&](int32_t row, const float* grad, float scale) {
    std::vector<float> term(grad, grad + dim);
    for (float& value : term) value *= scale;
    const auto [sum, isFirst] = sums.emplace(uint32_t(row), term);
    for (uint32_t d = 0; d < dim && !isFirst; ++d) sum->second[d] += term[d];
  };
  const uint64_t* offsets = data.offsets[0].data.get();
  for (uint64_t b = 0; b < data.request.rows; ++b) add(data.ids[0].data[b], &data.floats[0].data[b * dim], 1);
  for (uint64_t b = 0; b < data.request.rows; ++b) {
    const float scale = mean && offsets[b + 1] > offsets[b] ? 1.0f / float(offsets[b + 1] - offsets[b]) : 1.0f;
    for (uint64_t i = offsets[b]; i < offsets[b + 1]; ++i) {
      const float weight = data.weights.empty() ? 1.0f : data.weights[0].data[i];
      add(data.ids[1].data[i], &data.floats[1].data[b * dim], scale * weight);
    }
  }
  if (every_row) {
    for (uint32_t row = 0; row < rows; ++row) sums.emplace(row, std::vector<float>(dim, 0.0f));
  }
  std::vector<float> table(data.parameters[0].span().begin(), data.parameters[0].span().end());
  for (const auto& [row, sum] : sums) {
    for (uint32_t d = 0; d < dim; ++d) {
      float& w = table[size_t{row} * dim + d];
      w -= 0.05f * (sum[d] + 0.5f * w);
    }
  }
  return table;
}

TEST(table_update_sums_duplicates_as_the_format_says) {
  for (uint32_t round = 0; round < 48; ++round) {
    const uint32_t rows = round % 3 == 0 ? 3 : 700, dim = 1 + round % 19;
    const bool every_row = round % 2 == 0, mean = round % 4 < 2;
    const Program program = decode(table_program(rows, dim, every_row, mean));
    test::RunData data = test::make_data(program, 1 + 80 * (round % 5), 512, round + round / 4);
    const std::vector<float> expected = naive_update(data, rows, dim, every_row, mean);
    Executor executor(program, data.memory, 1 + round % 4);
    executor.run(data.request);
    for (size_t i = 0; i < expected.size(); ++i) {
      CHECK(std::abs(data.parameters[0].data[i] - expected[i]) <= 1e-6f * (1 + std::abs(expected[i])));
    }
  }
}

// A 16-bit table gets what an f32 table of the same numbers gets, rounded by the draws of the format.
TEST(table_update_of_halves_is_that_of_floats_rounded) {
  for (uint32_t round = 0; round < 48; ++round) {
    const uint32_t rows = round % 3 == 0 ? 3 : 700, dim = 1 + round % 19;
    const bool every_row = round % 2 == 0, mean = round % 4 < 2;
    const DType dtype = round % 8 < 4 ? DType::kFp16 : DType::kBf16;
    const TableFormat format = table_format(dtype);
    const Program halves_program = decode(table_program(rows, dim, every_row, mean, dtype));
    const Program floats_program = decode(table_program(rows, dim, every_row, mean));
    test::RunData halves = test::make_data(halves_program, 1 + 80 * (round % 5), 512, round);
    test::RunData floats = test::make_data(floats_program, 1 + 80 * (round % 5), 512, round);
    const size_t size = size_t{rows} * dim;
    test::plain.widen(halves.halves[0].data.get(), floats.parameters[0].data.get(), size, format);
    for (test::RunData* data : {&halves, &floats}) data->request.first_step = round;
    Executor(halves_program, halves.memory, 1 + round % 4).run(halves.request);
    Executor(floats_program, floats.memory, 1).run(floats.request);
    std::vector<uint16_t> expected(size);
    test::plain.round_stochastically(floats.parameters[0].data.get(), expected.data(), size, format,
                                     random_key(round, kStream, round), 0);
    CHECK(std::equal(expected.begin(), expected.end(), halves.halves[0].data.get()));
  }
}

TEST(fill_has_the_same_bits_for_any_number_of_threads) {
  for (FillKind kind : {FillKind::kConstant, FillKind::kUniform, FillKind::kNormal}) {
    const Fill spec{kind, 1.5, 0.25, 77, 3};
    std::vector<float> one(300'001), many(one.size());
    fill(one, spec, 1);
    fill(many, spec, 4);
    CHECK(one == many);
    for (TableFormat format : {TableFormat::kFp16, TableFormat::kBf16}) {
      std::vector<uint16_t> halves(one.size());
      fill(std::span(halves), format, spec, 3);
      CHECK(std::equal(one.begin(), one.end(), halves.begin(),
                       [&](float value, uint16_t half) { return nearest_half(value, format) == half; }));
    }
  }
}

TEST(fill_draws_the_distributions_it_names) {
  std::vector<float> values(400'000);
  const auto moments = [&] {
    double mean = 0, variance = 0;
    for (float value : values) mean += value / double(values.size());
    for (float value : values) variance += (value - mean) * (value - mean) / double(values.size());
    return std::pair(mean, variance);
  };
  fill(values, {FillKind::kUniform, -2, 4, 1, 0}, 2);
  CHECK(std::abs(moments().first - 1) < 0.02 && std::abs(moments().second - 3) < 0.03);
  CHECK(*std::min_element(values.begin(), values.end()) >= -2 && *std::max_element(values.begin(), values.end()) <= 4);
  fill(values, {FillKind::kNormal, 1, 0.5, 1, 0}, 2);
  CHECK(std::abs(moments().first - 1) < 0.005 && std::abs(moments().second - 0.25) < 0.005);
}

TEST(every_instruction_set_fills_with_the_same_bits) {
  const std::string before = kernels().isa;
  const RandomKey key = random_key(77, 3, 0);
  const uint64_t first = (uint64_t{1} << 31) - 50'000;  // the draws of a normal pass 2^32 on the way
  for (const char* isa : available_isas()) {
    select_isa(isa);
    std::vector<float> uniform(100'003), normal(uniform.size());
    fill(uniform, {FillKind::kUniform, -0.3, 0.5, 77, 3, first}, 1);
    fill(normal, {FillKind::kNormal, 0.2, 1.5, 77, 3, first}, 1);
    for (size_t i = 0; i < uniform.size(); ++i) {
      const uint64_t index = first + i, pair = 2 * index;
      CHECK_EQ(uniform[i], float(-0.3 + (0.5 - -0.3) * plain::unit(draw(key, index))));
      CHECK_EQ(normal[i], float(0.2 + 1.5 * plain::box_muller(draw(key, pair), draw(key, pair + 1))));
    }
  }
  select_isa(before.c_str());
}

// Against the C library's functions, which are right to the last bit or two.
TEST(box_muller_is_accurate) {
  Random random(4);
  for (uint32_t round = 0; round < 100'000; ++round) {
    const uint32_t first = round == 0 ? 0 : round == 1 ? ~0u : random.next(), second = random.next();
    const double u = double(first >> 8) * 0x1p-24, v = double(second >> 8) * 0x1p-24;
    const double expected = std::sqrt(-2 * std::log(1 - u)) * std::cos(2 * std::numbers::pi * v);
    CHECK(std::abs(plain::box_muller(first, second) - expected) < 1e-14);
  }
}

}  // namespace
}  // namespace pairloom
