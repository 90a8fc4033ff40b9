#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "cpu/exchange/whole_rows.h"
#include "cpu/kernels/dispatch.h"
#include "cpu/tables/format.h"
#include "cpu/tables/halves.h"
#include "tests/random.h"
#include "tests/test.h"

namespace pairloom {
namespace {

constexpr uint32_t kFirst = 2, kRows = 40;

// What a rank has of weights and of two states; where a row of the table is in its memory differs by rank.
struct Member {
  std::vector<std::vector<char>> memory;
  std::vector<uint64_t> at;
  WholeRows whole;
};

float number(size_t matrix, uint64_t row, uint64_t column) { return float(10000 * matrix + 50 * row + column); }

std::vector<uint64_t> shuffled(test::Random& random) {
  std::vector<uint64_t> order(kRows);
  for (uint64_t i = 0; i < kRows; ++i) {
    order[i] = i;
    std::swap(order[i], order[random.below(uint32_t(i + 1))]);
  }
  return order;
}

Member member(const SlotMap& map, uint32_t rank, uint64_t width, DType weights, bool tells_states, test::Random& random) {
  Member made{{}, shuffled(random), WholeRows(map, rank, width)};
  const ColumnRange own = map.columns_of(rank, width);
  for (size_t matrix = 0; matrix < 3; ++matrix) {
    const bool by_row = matrix == 2;
    const DType dtype = matrix == 0 ? weights : DType::kFp32;
    const size_t numbers = by_row ? 1 : own.size(), bytes = bytes_of(dtype);
    std::vector<char>& memory = made.memory.emplace_back(kRows * numbers * bytes);
    for (uint64_t row = 0; row < kRows && !by_row; ++row) {
      for (uint64_t i = 0; i < numbers; ++i) {
        const float value = number(matrix, row, own.begin + i);
        char* const to = &memory[(made.at[row] * numbers + i) * bytes];
        const uint16_t half = nearest_half(value, table_format(dtype));
        std::memcpy(to, is_half(dtype) ? static_cast<const void*>(&half) : &value, bytes);
      }
    }
    View view{Space::kParameter, dtype, reinterpret_cast<float*>(memory.data()), 0, 0, kRows * numbers,
              by_row ? 1u : 2u, {kRows, numbers, 1}};
    made.whole.add(view, matrix == 0 || tells_states);
  }
  return made;
}

// Ranks of one share, which are told the same rows, some of them twice.
void check_share(uint64_t width, uint32_t columns, DType weights, bool tells_states, test::Random& random) {
  const SlotMap map{kRows, kFirst, 1, 0, columns};
  std::vector<Member> members;
  members.reserve(columns);  // copies would have other memory
  for (uint32_t part = 0; part < columns; ++part) {
    members.push_back(member(map, kFirst + part, width, weights, tells_states, random));
  }
  std::vector<uint64_t> updated;
  for (uint32_t i = 0; i < 30; ++i) updated.push_back(random.below(kRows));
  for (Member& each : members) {
    std::vector<uint64_t> rows;
    for (const uint64_t row : updated) rows.push_back(each.at[row]);
    each.whole.list(rows);
  }
  std::vector<std::vector<char>> told;
  for (uint32_t part = 0; part < columns; ++part) {
    told.emplace_back(members[part].whole.message_bytes(kFirst + part), '\xff');
    CHECK_EQ(told[part].size() % 4, size_t{0});
    CHECK_EQ(told[part].size(), members[0].whole.message_bytes(kFirst + part));
    members[part].whole.pack(told[part].data());
  }
  for (uint32_t part = 0; part < columns; ++part) {
    WholeRows& whole = members[part].whole;
    for (uint32_t other = 0; other < columns; ++other) whole.take(kFirst + other, told[other].data());
    const ColumnRange own = whole.own();
    for (const uint64_t row : updated) {
      for (size_t matrix = 0; matrix < 2; ++matrix) {
        std::vector<float> joined(width, -1.0f);
        whole.read_others(matrix, whole.place_of(members[part].at[row]), kernels(), joined.data());
        for (uint64_t column = 0; column < width; ++column) {
          const bool is_own = column >= own.begin && column < own.end, is_told = matrix == 0 || tells_states;
          CHECK_EQ(joined[column], is_own ? -1.0f : is_told ? number(matrix, row, column) : 0.0f);
        }
      }
      CHECK(!whole.is_divided(2));
    }
  }
}

}  // namespace

TEST(ranks_of_a_share_put_rows_together) {
  test::Random random(7);
  for (const uint64_t width : {5, 6, 10, 23, 64}) {
    for (uint32_t columns = 2; columns <= std::min<uint64_t>(5, (width + 3) / 4); ++columns) {
      for (const bool states : {false, true}) check_share(width, columns, DType::kFp32, states, random);
    }
  }
}

TEST(ranks_of_a_share_put_rows_of_halves_together) {
  test::Random random(8);
  // Numbers that 16 bits hold exactly.
  for (const uint64_t width : {5, 7, 9}) check_share(width, 2, DType::kFp16, true, random);
}

}  // namespace pairloom
