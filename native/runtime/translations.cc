#include "runtime/translations.h"

#include <algorithm>
#include <unordered_map>

#include "program/error.h"

namespace pairloom {
namespace {

// Training changes nothing.
class Fixed : public Translation {
 public:
  void admit(std::span<const uint64_t>, std::span<uint64_t>, uint64_t) override {}
  void revert() override {}

  std::vector<int64_t> state() const override { return {}; }
  void restore(std::span<const int64_t> state) override {
    if (!state.empty()) throw Error({"the state is of another translation", "", std::to_string(state.size()), "0", ""});
  }
};

class RowPermutation : public Fixed {
 public:
  explicit RowPermutation(std::vector<int64_t> rows) : rows_(std::move(rows)) {
    std::vector<bool> seen(rows_.size(), false);
    for (const int64_t row : rows_) {
      if (row < 0 || uint64_t(row) >= rows_.size() || seen[size_t(row)]) {
        throw Error({"rows are not a permutation", "translation", "row " + std::to_string(row),
                     "each of 0 to " + std::to_string(rows_.size() - 1) + " once", ""});
      }
      seen[size_t(row)] = true;
    }
  }

  uint64_t rows() const override { return rows_.size(); }

  void translate(std::span<const uint64_t> ids, std::span<uint64_t> rows) const override {
    for (size_t i = 0; i < ids.size(); ++i) {
      if (ids[i] >= rows_.size()) {
        throw Error(
            {"an id has no row", "", "id " + std::to_string(ids[i]), "below " + std::to_string(rows_.size()), ""});
      }
      rows[i] = uint64_t(rows_[ids[i]]);
    }
  }

 private:
  const std::vector<int64_t> rows_;
};

class FirstCome : public Translation {
 public:
  explicit FirstCome(uint64_t rows) : rows_(rows) {}

  uint64_t rows() const override { return rows_; }

  void translate(std::span<const uint64_t> ids, std::span<uint64_t> rows) const override {
    for (size_t i = 0; i < ids.size(); ++i) {
      const auto found = row_of_.find(ids[i]);
      rows[i] = found == row_of_.end() ? 0 : found->second;
    }
  }

  void admit(std::span<const uint64_t> ids, std::span<uint64_t> rows, uint64_t) override {
    before_ = ids_.size();
    for (size_t i = 0; i < ids.size(); ++i) {
      const auto [entry, is_new] = row_of_.try_emplace(ids[i], ids_.size() + 1);
      rows[i] = entry->second;
      if (!is_new) continue;
      ids_.push_back(ids[i]);
      if (entry->second < rows_) continue;
      revert();
      throw Error({"the table is full", "", "a new id, " + std::to_string(ids[i]),
                   "at most " + std::to_string(rows_ - 1) + " ids", "Give the table more rows."});
    }
  }

  void revert() override {
    for (; ids_.size() > before_; ids_.pop_back()) row_of_.erase(ids_.back());
  }

  // The ids in row order.
  std::vector<int64_t> state() const override { return {ids_.begin(), ids_.end()}; }

  void restore(std::span<const int64_t> state) override {
    FirstCome restored(rows_);
    std::vector<uint64_t> ids(state.begin(), state.end()), rows(state.size());
    restored.admit(ids, rows, 0);
    if (restored.ids_.size() != state.size()) {
      throw Error({"the state is of another translation", "", "an id twice", "each id once", ""});
    }
    row_of_ = std::move(restored.row_of_);
    ids_ = std::move(restored.ids_);
    before_ = ids_.size();
  }

 private:
  const uint64_t rows_;
  std::unordered_map<uint64_t, uint64_t> row_of_;
  std::vector<uint64_t> ids_;
  size_t before_ = 0;  // ids before the last admit
};

// A number that follows from the id alone.
template <class RowOf>
class Arithmetic : public Fixed {
 public:
  Arithmetic(uint64_t rows, RowOf row_of) : rows_(rows), row_of_(row_of) {}

  uint64_t rows() const override { return rows_; }

  void translate(std::span<const uint64_t> ids, std::span<uint64_t> rows) const override {
    for (size_t i = 0; i < ids.size(); ++i) {
      rows[i] = row_of_(ids[i]);
      if (rows[i] >= rows_) {
        throw Error({"an id has no row", "", "id " + std::to_string(ids[i]), "a row below " + std::to_string(rows_), ""});
      }
    }
  }

 private:
  const uint64_t rows_;
  const RowOf row_of_;
};

template <class RowOf>
std::unique_ptr<Translation> make_arithmetic(uint64_t by, uint64_t rows, RowOf row_of) {
  if (by > 0 && rows > 0) return std::make_unique<Arithmetic<RowOf>>(rows, row_of);
  throw Error({"a table without rows", "translation", std::to_string(by) + ", " + std::to_string(rows), "at least 1", ""});
}

}  // namespace

std::unique_ptr<Translation> make_quotient(uint64_t by, uint64_t rows) {
  return make_arithmetic(by, rows, [by](uint64_t id) { return id / by; });
}

std::unique_ptr<Translation> make_remainder(uint64_t by, uint64_t rows) {
  return make_arithmetic(by, rows, [by](uint64_t id) { return id % by; });
}

std::unique_ptr<Translation> make_permutation(std::vector<int64_t> rows) {
  return std::make_unique<RowPermutation>(std::move(rows));
}

std::unique_ptr<Translation> make_first_come(uint64_t rows) {
  if (rows > 0) return std::make_unique<FirstCome>(rows);
  throw Error({"a table without rows", "translation", "0", "at least 1", ""});
}

}  // namespace pairloom
