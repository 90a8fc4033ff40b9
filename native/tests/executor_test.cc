#include <algorithm>
#include <atomic>
#include <set>

#include "cpu/executor.h"
#include "runtime/order.h"
#include "cpu/pool.h"
#include "program/error.h"
#include "runtime/translations.h"
#include "tests/test.h"
#include "tests/training_program.h"
#include "tests/run_data.h"

namespace pairloom {
namespace {

TEST(order_is_a_bijection) {
  for (uint64_t rows : {1, 2, 3, 4, 5, 16, 17, 100, 1000, 4097}) {
    for (uint64_t epoch : {0, 1, 77}) {
      const Permutation order(rows, 1234567890123, epoch);
      std::set<uint64_t> seen;
      for (uint64_t position = 0; position < rows; ++position) {
        const uint64_t row = order(position);
        CHECK(row < rows);
        seen.insert(row);
      }
      CHECK_EQ(seen.size(), rows);
    }
  }
}

TEST(order_differs_by_epoch_and_reaches_large_rows) {
  const uint64_t rows = uint64_t{1} << 40;
  const Permutation first(rows, 5, 0), second(rows, 5, 1);
  uint32_t same = 0, upper = 0;
  for (uint64_t position = 0; position < 1000; ++position) {
    same += first(position) == second(position);
    upper += first(position) >= rows / 2;
  }
  CHECK_EQ(same, 0u);
  CHECK(upper > 400 && upper < 600);
}

TEST(memory_for_entries_of_a_tile_follows_the_largest_tile) {
  constexpr size_t kWidth = 48;
  TileEntries entries(kWidth);
  uint32_t first = 0;
  for (uint32_t count : {3200, 0, 10'000, 17, 9'990, 3200, 10'000}) {
    entries.begin(first, count);
    for (uint32_t entry : {first, first + count / 2, first + count - 1}) {
      if (count > 0) *entries.line(32, 16, entry) = float(entry);
    }
    if (count > 0) CHECK_EQ(*entries.line(32, 16, first), float(first));
    first += count;
  }
  CHECK(entries.size() >= 10'000 * kWidth);
  CHECK(entries.size() <= (10'000 * 5 / 4 + 16) * kWidth);
}

TEST(pool_runs_every_job_once) {
  for (uint32_t threads : {1, 2, 3, 5}) {
    Pool pool(threads);
    for (uint32_t round = 0; round < 2000; ++round) {
      const uint32_t jobs = round % 17;
      std::vector<uint32_t> runs(jobs, 0);
      std::atomic<uint32_t> wrong{0};
      pool.run(jobs, [&](uint32_t job, uint32_t thread) {
        ++runs[job];  // no other job writes here: the thread sanitizer would tell
        wrong += thread >= threads;
      });
      CHECK_EQ(wrong.load(), 0u);
      for (uint32_t count : runs) CHECK_EQ(count, 1u);
    }
  }
}

TEST(pool_sleeps_and_wakes) {
  Pool pool(3);
  for (int round = 0; round < 20; ++round) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    std::atomic<uint32_t> sum{0};
    pool.run(100, [&](uint32_t job, uint32_t) { sum += job; });
    CHECK_EQ(sum.load(), 4950u);
  }
}

TEST(pool_shares_every_part_once) {
  for (uint32_t threads : {1, 2, 5}) {
    Pool pool(threads);
    for (uint32_t round = 0; round < 200; ++round) {
      const uint32_t jobs = round % 5, parts = round % 7;
      std::vector<uint32_t> runs(jobs * parts, 0);
      std::atomic<uint32_t> wrong{0};
      pool.run(jobs, [&](uint32_t job, uint32_t thread) {
        pool.share(parts, thread, [&](uint32_t part, uint32_t helper) {
          ++runs[job * parts + part];
          wrong += helper >= threads;
        });
        for (uint32_t part = 0; part < parts; ++part) wrong += runs[job * parts + part] != 1;
      });
      CHECK_EQ(wrong.load(), 0u);
    }
  }
}

// All memory that a run of the training program leaves, as bytes.
std::vector<float> train(uint32_t threads, bool every_row, uint32_t runs) {
  const Program program = decode(test::training_program(every_row));
  test::RunData data = test::make_data(program, 210, 50, 3);
  Executor executor(program, data.memory, threads);
  data.request.shuffled = true;
  for (uint32_t run = 0; run < runs; ++run) {
    data.request.epoch = run;
    data.request.first_step = run * 5;
    CHECK_EQ(executor.run(data.request), 5u);
  }
  std::vector<float> all = data.all_parameters();
  for (const auto& output : data.outputs) all.insert(all.end(), output.span().begin(), output.span().end());
  return all;
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

TEST(training_has_the_same_bits_for_any_number_of_threads) {
  for (bool every_row : {false, true}) {
    const std::vector<float> one = train(1, every_row, 3);
    CHECK(std::all_of(one.begin(), one.end(), [](float value) { return std::isfinite(value); }));
    for (uint32_t threads : {2, 3, 4}) CHECK(same_bits(train(threads, every_row, 3), one));
  }
}

// Gradients of a layer and of a compressed interaction, wide enough for threads to share them: two jobs of 100 rows.
std::vector<uint8_t> wide_program() {
  using O = Opcode;
  constexpr uint32_t kFields = 5, kDim = 16, kUnits = 96, kHidden = 288, kNumbers = kFields * kDim;
  test::ProgramBuilder b(200, 128, 2);
  const Operand w = b.parameter({kHidden, kNumbers}), v = b.parameter({kUnits, kFields * kFields});
  b.stage(StageKind::kTile);
  const Operand x = b.batch({kNumbers}), fields{x.buffer, 0, 2, {kFields, kDim, 1}};
  b.input(x);
  const Operand h = b.tile({kHidden}), dx = b.batch({kNumbers}), dw = b.partial({kHidden, kNumbers});
  b.add(O::kLinear, {x, w, h}, {1, 0, 0});
  b.add(O::kLinearGradWeight, {h, x, dw}, {0});
  b.add(O::kLinearGradInput, {h, w, dx}, {0, 0, 0});
  const Operand y = b.tile({kUnits, kDim}), d_maps = b.batch({kFields, kDim}), d_fields = b.batch({kFields, kDim});
  const Operand dv = b.partial({kUnits, kFields * kFields}), dots = b.batch({kFields * (kFields - 1) / 2});
  b.add(O::kCompressedInteraction, {fields, fields, v, y}, {0, 0});
  b.add(O::kCompressedInteractionGradWeight, {y, fields, fields, dv}, {0});
  b.add(O::kCompressedInteractionGradInput, {y, fields, fields, v, d_maps, d_fields}, {0});
  b.add(O::kDotInteraction, {fields, dots});
  b.stage(StageKind::kFixed);
  const Operand sums[] = {b.fixed({kHidden, kNumbers}), b.fixed({kUnits, kFields * kFields})};
  b.add(O::kCombine, {dw, dv, sums[0], sums[1]}, {0});
  for (const Operand& output : {dx, d_maps, d_fields, dots, sums[0], sums[1]}) b.output(output);
  return b.bytes();
}

TEST(threads_that_share_instructions_leave_the_same_bits) {
  const Program program = decode(wide_program());
  const auto outputs_of = [&](uint32_t threads) {
    test::RunData data = test::make_data(program, 200, 200, 3);
    Executor executor(program, data.memory, threads);
    CHECK_EQ(executor.run(data.request), 1u);
    std::vector<float> all;
    for (const auto& output : data.outputs) all.insert(all.end(), output.span().begin(), output.span().end());
    return all;
  };
  const std::vector<float> one = outputs_of(1);
  CHECK(std::any_of(one.begin(), one.end(), [](float value) { return value != 0; }));
  for (uint32_t threads : {2, 3, 6}) {
    for (int repeat = 0; repeat < 10; ++repeat) CHECK(same_bits(outputs_of(threads), one));
  }
}

TEST(bad_ids_leave_parameters_untouched_and_the_first_is_named) {
  const Program program = decode(test::training_program());
  test::RunData data = test::make_data(program, 60, 20, 9);
  data.ids[0].data[47] = -3;
  data.ids[0].data[44] = int32_t(test::kTableRows);
  Executor executor(program, data.memory, 2);
  data.request.count = 40;
  data.request.scalars = data.scalars.span().first(2);
  executor.run(data.request);  // the steps before the bad one
  const std::vector<float> before = data.all_parameters();
  data.request.start = 40;
  data.request.count = 20;
  data.request.scalars = data.scalars.span().first(1);
  std::string where;
  try {
    executor.run(data.request);
  } catch (const Error& error) {
    where = error.report().where;
  }
  CHECK_EQ(where, "input input2, row 44");
  CHECK(same_bits(before, data.all_parameters()));
}

TEST(bags_that_leave_their_values_are_refused) {
  const Program program = decode(test::training_program());
  for (uint64_t bad : {uint64_t{1} << 63, uint64_t{181}}) {
    test::RunData data = test::make_data(program, 60, 20, 9);
    data.offsets[0].data[30] = bad;
    Executor executor(program, data.memory, 2);
    std::string what;
    try {
      executor.run(data.request);
    } catch (const Error& error) {
      what = error.report().what;
    }
    CHECK_EQ(what, "a bag's offsets are not ascending positions of its values");
  }
}

// A step fails in one translation of two: the other takes back what it admitted.
TEST(a_failed_translation_leaves_the_others_as_they_were) {
  test::ProgramBuilder b(16, 8, 2);
  const Operand first = b.buffer(Space::kBatch, {1}, DType::kId), second = b.buffer(Space::kBatch, {1}, DType::kId);
  const Operand first_row = b.buffer(Space::kBatch, {1}, DType::kId64),
                second_row = b.buffer(Space::kBatch, {1}, DType::kId);
  const Operand out = b.batch({2});
  b.stage(StageKind::kTile);
  b.input(first, 1000);
  b.input(second, 1000);
  b.stage(StageKind::kFixed);
  b.add(Opcode::kTranslate, {first, first_row}, {b.translation(1001), 1});
  b.add(Opcode::kTranslate, {second, second_row}, {b.translation(20), 1});
  b.stage(StageKind::kTile);
  b.add(Opcode::kEmbedding, {b.parameter({1001, 2}), first_row, out});
  b.output(out);
  const Program program = decode(b.bytes());
  test::RunData data = test::make_data(program, 48, 16, 2);
  for (int32_t row = 0; row < 48; ++row) {  // the second table is full in the step of rows 16 to 31
    data.ids[0].data[row] = 999 - row;
    data.ids[1].data[row] = row;
  }
  const std::shared_ptr<Translation> roomy = make_first_come(1001), full = make_first_come(20);
  Executor executor(program, data.memory, 3, {roomy, full});
  std::string where;
  try {
    executor.run(data.request);
  } catch (const Error& error) {
    where = error.report().where + ": " + error.report().what;
  }
  CHECK_EQ(where, "translation translation1, step 1: the table is full");
  CHECK_EQ(roomy->state().size(), 16u);
  CHECK_EQ(full->state().size(), 16u);
  CHECK_EQ(roomy->state()[15], 999 - 15);
}

TEST(translations_must_fit_the_program) {
  const Program program = decode(test::training_program(false, true));
  test::RunData data = test::make_data(program, 60, 20, 9);
  const auto refusal = [&](std::vector<std::shared_ptr<Translation>> translations) -> std::string {
    try {
      Executor(program, data.memory, 1, std::move(translations));
      return "";
    } catch (const Error& error) {
      return error.report().what;
    }
  };
  CHECK_EQ(refusal({make_first_come(test::kTableRows)}), "");
  CHECK_EQ(refusal({}), "a wrong number of translations");
  CHECK_EQ(refusal({make_first_come(test::kTableRows + 1)}), "a translation is of another table");
}

// Ids of 64 bits look up what the same ids of 32 bits do.
std::vector<float> look_up(DType id_dtype, DType bag_dtype, uint64_t seed, bool bad = false) {
  test::ProgramBuilder b(64, 8, 2);
  const Operand table = b.parameter({50, 4});
  const Operand id = b.buffer(Space::kTile, {1}, id_dtype), bag = b.buffer(Space::kTile, {1}, bag_dtype);
  const Operand one = b.batch({4}), pooled = b.batch({4});
  b.stage(StageKind::kTile);
  b.input(id, 50);
  b.input(bag, 50);
  b.add(Opcode::kEmbedding, {table, id, one});
  b.add(Opcode::kEmbeddingBag, {table, bag, pooled}, {1});
  b.output(one);
  b.output(pooled);
  const Program program = decode(b.bytes());
  test::RunData data = test::make_data(program, 100, 64, seed);
  if (bad) data.wide_ids[0].data[70] = (int64_t{1} << 32) + 3;
  Executor(program, data.memory, 2).run(data.request);
  std::vector<float> all;
  for (const auto& output : data.outputs) all.insert(all.end(), output.span().begin(), output.span().end());
  return all;
}

TEST(wide_ids_look_up_the_same_rows) {
  for (uint64_t seed : {1, 2}) {
    const std::vector<float> narrow = look_up(DType::kId, DType::kBag, seed);
    CHECK(same_bits(narrow, look_up(DType::kId64, DType::kBag64, seed)));
    CHECK(same_bits(narrow, look_up(DType::kId64, DType::kBag, seed)));
  }
  std::string what;
  try {
    look_up(DType::kId64, DType::kBag, 1, true);
  } catch (const Error& error) {
    what = error.report().what + ", " + error.report().got;
  }
  CHECK_EQ(what, "an id is out of range, id 4294967299");
}

TEST(bags_with_too_few_weights_are_refused) {
  const Program program = decode(test::training_program());
  test::RunData data = test::make_data(program, 60, 20, 9);
  for (Column& column : data.request.columns) {
    if (is_bag(column.dtype)) column.weights_length -= 1;
  }
  Executor executor(program, data.memory, 2);
  std::string got;
  try {
    executor.run(data.request);
  } catch (const Error& error) {
    got = error.report().got;
  }
  CHECK_EQ(got, "179 weights");
}

}  // namespace
}  // namespace pairloom
