#include <bit>
#include <memory>
#include <vector>

#include "cpu/exchange/exchangers.h"
#include "tests/random.h"
#include "tests/test.h"

namespace pairloom {
namespace {

constexpr uint32_t kFirst = 1, kRows = 30;

// A rank's columns of some tables with rows of numbers.
class Columns : public Translation {
 public:
  Columns(const std::vector<std::vector<double>>& tables, const SlotMap& map, uint32_t rank)
      : tables_(tables), map_(map), rank_(rank) {}

  uint64_t rows() const override { return kRows; }
  void translate(std::span<const uint64_t>, std::span<uint64_t>) const override {}
  void admit(std::span<const uint64_t>, std::span<uint64_t>, uint64_t) override {}
  void revert() override {}
  std::vector<int64_t> state() const override { return {}; }
  void restore(std::span<const int64_t>) override {}

  uint32_t weights() const override { return uint32_t(tables_.size()); }
  NormedRows normed_rows() const override {
    NormedRows normed;
    for (uint32_t row = 0; row < kRows && map_.owned_by(rank_) > 0; ++row) normed.rows.push_back(row);
    normed.squares.resize(normed.rows.size());
    return normed;
  }
  void add_squares(uint32_t weights, NormedRows& normed) const override {
    const std::vector<double>& numbers = tables_[weights];
    const uint64_t width = numbers.size() / kRows;
    const ColumnRange own = map_.columns_of(rank_, width);
    for (const uint32_t row : normed.rows) {
      for (uint64_t d = own.begin; d < own.end; ++d) {
        normed.squares[row] += numbers[row * width + d] * numbers[row * width + d];
      }
    }
  }
  // In place of keys: the bits of the sums.
  std::vector<uint64_t> outdated(const NormedRows& normed) const override {
    std::vector<uint64_t> bits;
    for (const double squares : normed.squares) bits.push_back(std::bit_cast<uint64_t>(squares));
    return bits;
  }

 private:
  const std::vector<std::vector<double>>& tables_;
  const SlotMap map_;
  const uint32_t rank_;
};

// What each rank lists. All parts of a round are sent before any arrives.
std::vector<std::vector<uint64_t>> passed(const std::vector<std::vector<double>>& tables, const SlotMap& map, uint32_t ranks) {
  std::vector<std::vector<uint64_t>> outdated(ranks);
  std::vector<std::unique_ptr<Columns>> columns;
  std::vector<std::unique_ptr<Exchanger>> exchangers;
  for (uint32_t rank = 0; rank < ranks; ++rank) {
    columns.push_back(std::make_unique<Columns>(tables, map, rank));
    exchangers.push_back(pass_squares(*columns[rank], Shard{map, rank}, outdated[rank]));
    exchangers[rank]->begin(StepContext{});
  }
  for (uint32_t round = 0; round < exchangers[0]->rounds(); ++round) {
    std::vector<std::vector<char>> messages;
    for (uint32_t from = 0; from < ranks; ++from) {
      for (uint32_t to = 0; to < ranks; ++to) {
        std::vector<char>& message = messages.emplace_back(from == to ? 0 : exchangers[from]->sends(round, to));
        if (from != to) exchangers[from]->pack(round, to, message.data());
      }
    }
    for (uint32_t from = 0; from < ranks; ++from) {
      for (uint32_t to = 0; to < ranks; ++to) {
        const std::vector<char>& message = messages[from * ranks + to];
        if (from == to) continue;
        CHECK_EQ(exchangers[to]->receives(round, from), message.size());
        exchangers[to]->unpack(round, from, message.data());
      }
    }
    for (const auto& exchanger : exchangers) exchanger->finish(round);
  }
  return outdated;
}

}  // namespace

TEST(ranks_with_columns_add_squares_in_the_order_of_one_process) {
  test::Random random(3);
  for (const std::vector<uint64_t>& widths : {std::vector<uint64_t>{13}, {12, 23}, {16, 9, 10}}) {
    std::vector<std::vector<double>> tables;
    for (const uint64_t width : widths) {
      for (std::vector<double>& table = tables.emplace_back(width * kRows); double& number : table) {
        number = double(random.unit()) - 0.5;
      }
    }
    const Columns alone(tables, SlotMap{kRows, 0, 1}, 0);
    NormedRows normed = alone.normed_rows();
    for (uint32_t weights = 0; weights < tables.size(); ++weights) alone.add_squares(weights, normed);
    const std::vector<uint64_t> expected = alone.outdated(normed);
    const uint32_t ranks = 5, parts = 3;
    const auto lists = passed(tables, SlotMap{kRows, kFirst, 1, 0, parts}, ranks);
    for (uint32_t rank = 0; rank < ranks; ++rank) {
      CHECK(lists[rank] == (rank == kFirst + parts - 1 ? expected : std::vector<uint64_t>{}));
    }
  }
}

}  // namespace pairloom
