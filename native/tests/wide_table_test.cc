// Tables of more than 2^32 rows. Their memory is reserved, not used: a test touches a few pages of it.
#include <algorithm>
#include <vector>

#include "cpu/executor.h"
#include "cpu/tables/sort.h"
#include "tests/program_builder.h"
#include "tests/random.h"
#include "tests/reserved.h"
#include "tests/test.h"

namespace pairloom {
namespace {

constexpr uint64_t kRows = (uint64_t{1} << 33) + 5;

TEST(wide_keys_are_sorted_as_narrow_ones) {
  test::Random random(3);
  for (const uint64_t limit : {uint64_t{3}, kRows, uint64_t{1} << 40}) {
    std::vector<WideKey> keys, spare(700);
    for (uint32_t i = 0; i < 700; ++i) {
      keys.push_back({(uint64_t{random.next()} << 32 | random.next()) % limit, i});
    }
    std::vector<WideKey> expected = keys;
    std::stable_sort(expected.begin(), expected.end(),
                     [](const WideKey& a, const WideKey& b) { return a.row < b.row; });
    const WideKey* sorted = sort_by_row(keys.data(), spare.data(), keys.size(), limit);
    for (size_t i = 0; i < expected.size(); ++i) {
      CHECK_EQ(sorted[i].row, expected[i].row);
      CHECK_EQ(sorted[i].order, expected[i].order);
    }
  }
}

#ifndef _WIN32  // which promises memory for every page
// SGD at rate 1 with the gradients 1, 2, 3, …: rows that agree in their lower 32 bits stay apart.
TEST(updates_reach_rows_beyond_32_bits) {
  test::ProgramBuilder b(64, 8, 4);
  const Operand table = b.parameter({kRows, 1}), rate = b.buffer(Space::kScalar, {1});
  const Operand id = b.buffer(Space::kBatch, {1}, DType::kId64), gradient = b.batch({1});
  b.stage(StageKind::kTile);
  b.input(id, kRows);
  b.input(gradient);
  b.stage(StageKind::kFixed);
  b.add(Opcode::kTableSgd, {table, rate, id, gradient}, {0, 0, 0, 0, 0, 0});
  const Program program = decode(b.bytes());

  const test::Reserved weights(kRows);
  const int64_t rows[] = {5, (int64_t{1} << 32) + 5, (int64_t{1} << 33) + 4,
                          5, int64_t{1} << 32,       (int64_t{1} << 32) + 5};
  std::vector<int64_t> ids;
  std::vector<float> gradients, expected(6, 0.0f), rates{1};
  for (size_t i = 0; i < 60; ++i) {
    ids.push_back(rows[i % 6]);
    gradients.push_back(float(i + 1));
    for (size_t r = 0; r < 6; ++r) expected[r] -= rows[r] == rows[i % 6] ? float(i + 1) : 0.0f;
  }
  Request request{};
  request.columns = {{DType::kId64, ids.data(), ids.size(), 0, 1, nullptr, 0},
                     {DType::kFp32, gradients.data(), gradients.size(), 0, 1, nullptr, 0}};
  request.rows = request.count = 60;
  request.batch = 60;
  request.scalars = rates;
  Executor(program, {weights.span()}, 3).run(request);
  for (size_t r = 0; r < 6; ++r) CHECK_EQ(weights.span()[size_t(rows[r])], expected[r]);
}
#endif

}  // namespace
}  // namespace pairloom
