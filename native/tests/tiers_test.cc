// Rows that move between frames and a file, against arrays with all of them; also when the disk fails.
#include <deque>
#include <filesystem>
#include <map>
#include <numeric>
#include <set>

#ifndef _WIN32
#include <csignal>

#include <sys/resource.h>
#endif

#include "cpu/tiers/tier.h"
#include "program/error.h"
#include "tests/random.h"
#include "tests/test.h"

namespace pairloom {
namespace {

using test::Random;

constexpr uint64_t kRows = 400;

// A tier of one column beside an array with the same numbers.
class Twin {
 public:
  Twin(uint64_t width, uint64_t memory, uint64_t rows = kRows)
      : width_(width),
        rows_(rows),
        tier_({std::filesystem::temp_directory_path().string(), rows, memory, {{DType::kFp32, {0, width, width}}}}),
        expected_(rows * width, 0.5f) {
    tier_.fill(0, {FillKind::kConstant, 0.5, 0, 0, 0});
  }

  Tier& tier() { return tier_; }
  uint64_t rows() const { return rows_; }

  // Trains some rows: checks what they have, and gives them other values.
  void train(std::vector<uint64_t> rows, float value) {
    std::vector<uint64_t> frames(rows);
    tier_.place(frames, true);
    float* const memory = static_cast<float*>(tier_.memory_of(0));
    for (size_t i = 0; i < rows.size(); ++i) {
      for (uint64_t d = 0; d < width_; ++d) {
        CHECK_EQ(memory[frames[i] * width_ + d], expected_[rows[i] * width_ + d]);
        memory[frames[i] * width_ + d] = expected_[rows[i] * width_ + d] = value + float(d);
      }
    }
  }

  // Rows from this one on are initial again.
  void release(uint64_t first) {
    tier_.release(first);
    std::fill(expected_.begin() + ptrdiff_t(first * width_), expected_.end(), 0.5f);
  }

  void check_all() {
    std::vector<float> all(expected_.size());
    tier_.read(0, 0, all.size(), all.data());
    CHECK(all == expected_);
  }

  // Reads or writes any of the rows from outside.
  void gather(std::vector<uint64_t> rows) {
    std::vector<float> got(rows.size() * width_);
    tier_.gather(0, parts(rows, got));
    for (size_t i = 0; i < got.size(); ++i) CHECK_EQ(got[i], expected_[rows[i / width_] * width_ + i % width_]);
  }
  void scatter(std::vector<uint64_t> rows, float value) {
    std::vector<float> values(rows.size() * width_);
    std::iota(values.begin(), values.end(), value);
    tier_.scatter(0, parts(rows, values));
    for (size_t i = 0; i < values.size(); ++i) expected_[rows[i / width_] * width_ + i % width_] = values[i];
  }

 private:
  std::vector<Tier::Part> parts(const std::vector<uint64_t>& rows, std::vector<float>& numbers) const {
    std::vector<Tier::Part> all;
    for (size_t i = 0; i < rows.size(); ++i) {
      all.push_back({rows[i], 0, width_ * 4, reinterpret_cast<char*>(numbers.data() + i * width_)});
    }
    return all;
  }

  const uint64_t width_, rows_;
  Tier tier_;
  std::vector<float> expected_;
};

// Memory for the given number of frames, besides the rows on their way to the file. `for_slots`: what finds records in the file.
uint64_t memory_for(uint64_t width, uint64_t frames, uint64_t for_slots) {
  return for_slots + RecordStore::memory_for(8, width * 4) + frames * (width * 4 + 24);
}

std::vector<uint64_t> some_rows(Random& random, size_t count, uint64_t rows) {
  std::vector<uint64_t> some;
  while (some.size() < count) {
    const uint64_t row = random.below(3) == 0 ? random.below(uint32_t(rows)) : random.below(uint32_t(rows / 10));
    if (std::find(some.begin(), some.end(), row) == some.end()) some.push_back(row);
  }
  return some;
}

// Several rows in a block, nearly one, more than one; records that keep their slot in the file, or move.
TEST(a_tier_has_the_rows_of_an_array) {
  Random random(3);
  for (const auto& [width, rows] : {std::pair{1, 20000}, {1, kRows}, {5, 20000}, {75, kRows}, {1200, kRows}}) {
    Twin twin(width, memory_for(width, 64, 6000), rows);
    std::deque<std::vector<uint64_t>> next;
    while (next.size() < 4) next.push_back(some_rows(random, 9, rows));
    for (uint32_t step = 0; step < 150; ++step) {
      twin.train(next.front(), float(step));
      next.pop_front();
      next.push_back(some_rows(random, 9, rows));
      for (uint32_t ahead = 1; step % 3 != 0 && ahead <= step % 5; ++ahead) {
        twin.tier().prefetch(ahead, [&, ahead](std::vector<uint64_t>& to) { to = next[ahead - 1]; });
      }
      if (step % 10 == 7) twin.gather(some_rows(random, 30, rows));
      if (step % 20 == 9) {
        std::vector<uint64_t> written = some_rows(random, 30, rows);
        std::sort(written.begin(), written.end());
        twin.scatter(written, float(1000 * step));
      }
      if (step % 40 == 11) twin.check_all();
    }
    twin.check_all();
    const std::vector<uint64_t> touched = twin.tier().touched();
    CHECK(std::is_sorted(touched.begin(), touched.end()));
    CHECK(touched.size() > 30 && touched.size() < 2000);
  }
}

// Slots of records as a map, against which random operations are checked.
class SlotsTwin {
 public:
  SlotsTwin(uint64_t records, bool moving) : moving_(moving), slots_(records, moving) {}

  void write(std::vector<uint64_t> records) {
    for (const uint64_t record : records) remove(record);
    std::sort(records.begin(), records.end());
    const std::vector<uint64_t> slots = slots_.reserve(records);
    CHECK_EQ(slots.size(), records.size());
    CHECK(std::is_sorted(slots.begin(), slots.end()));
    for (size_t i = 0; i < records.size(); ++i) {
      CHECK_EQ(slots[i] / RecordSlots::slots_a_region(moving_), RecordSlots::region_of(records[i]));
      CHECK(taken_.insert(slots[i]).second);  // of no other record, nor of one that may come back
      slots_.give(slots[i], records[i]);
      slot_of_[records[i]] = slots[i];
    }
  }
  void remove(uint64_t record) {
    slots_.remove(record);
    if (const auto found = slot_of_.find(record); found != slot_of_.end()) taken_.erase(found->second), slot_of_.erase(found);
  }
  // Removes a record, and brings it back after others were written.
  void retire(uint64_t record, std::vector<uint64_t> others) {
    const auto found = slot_of_.find(record);
    if (found == slot_of_.end()) return;
    std::erase(others, record);
    slots_.retire(record);
    CHECK(!slots_.has(record));
    write(others);
    slots_.free_retired();
    write(others);
    slots_.restore(record, found->second);
  }
  void check() {
    std::vector<uint64_t> records;
    for (const auto& [record, slot] : slot_of_) {
      records.push_back(record);
      CHECK_EQ(slots_.slot_of(record), slot);
    }
    CHECK(slots_.records() == records);
  }

 private:
  const bool moving_;
  RecordSlots slots_;
  std::map<uint64_t, uint64_t> slot_of_;
  std::set<uint64_t> taken_;
};

// Rows that are in frames, on their way to the file and in it; the first of the table stay.
TEST(released_rows_of_a_tier_have_their_initial_values) {
  Random random(9);
  for (const uint64_t for_slots : {9000, 400000}) {  // records keep their slot in the file, or move
    constexpr uint64_t kMany = 3 * RecordSlots::kRegion;
    Twin twin(75, memory_for(75, 64, for_slots), kMany);
    for (const uint64_t first : {2 * RecordSlots::kRegion + 5, RecordSlots::kRegion - 3, uint64_t{1}}) {
      for (uint32_t step = 0; step < 60; ++step) twin.train(some_rows(random, 9, kMany), float(step));
      twin.release(first);
      for (const uint64_t row : twin.tier().touched()) CHECK(row < first);
      twin.check_all();
    }
  }
}

TEST(records_have_slots_of_their_own) {
  Random random(7);
  const auto of_region = [&](uint64_t region, uint64_t end) {
    std::set<uint64_t> some;
    for (uint32_t i = 0; i < 64; ++i) some.insert(std::min(end - 1, region * RecordSlots::kRegion + random.below(uint32_t(RecordSlots::kRegion))));
    return std::vector<uint64_t>(some.begin(), some.end());
  };
  for (const bool moving : {true, false}) {
    constexpr uint64_t kRecords = 2 * RecordSlots::kRegion + 777;
    SlotsTwin twin(kRecords, moving);
    for (uint32_t step = 0; step < 1500; ++step) {
      const std::vector<uint64_t> some = of_region(random.below(3), kRecords);
      twin.write(some);
      if (step % 7 == 0) twin.remove(some[random.below(uint32_t(some.size()))]);
      if (step % 5 == 0) twin.retire(some.front(), of_region(RecordSlots::region_of(some.front()), kRecords));
      if (step % 300 == 299) twin.check();
    }
  }
}

TEST(retired_slots_are_free_again_after_two_steps) {
  RecordSlots slots(1, true);
  for (uint32_t step = 0; step < 500; ++step) {
    const std::vector<uint64_t> record{0};
    const std::vector<uint64_t> slot = slots.reserve(record);
    CHECK_EQ(slot.size(), 1u);
    slots.give(slot[0], 0);
    slots.retire(0);
    slots.free_retired();
  }
}

#ifndef _WIN32  // which cannot limit the size of files
// No file of this process may be larger, while it lives.
class FileLimit {
 public:
  explicit FileLimit(rlim_t bytes) {
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileLimit() { setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  rlimit before_;
};

// The rows are of several regions of the file, so that several writes can be under way when the limit ends.
TEST(a_tier_whose_file_cannot_be_written_to_keeps_all_rows) {
  constexpr uint64_t kMany = 3 * RecordSlots::kRegion;
  Twin twin(75, memory_for(75, 12, 9000), kMany);
  Random random(5);
  for (uint32_t step = 0; step < 20; ++step) twin.train(some_rows(random, 5, kMany), float(step));
  uint32_t failures = 0;
  {
    const FileLimit limit(64 << 10);
    for (uint32_t step = 0; step < 40; ++step) {
      const std::vector<uint64_t> rows = some_rows(random, 5, kMany);
      try {
        std::vector<uint64_t> frames(rows);
        twin.tier().place(frames, false);
        twin.train(rows, float(100 + step));  // rows that the call before has sent to the file may fail in this one
      } catch (const Error& error) {
        CHECK_EQ(error.report().what, std::string("the rows of a table cannot be written"));
        CHECK(error.report().next.find("Free space") != std::string::npos);
        ++failures;
      }
    }
  }
  CHECK(failures > 0);
  for (uint32_t step = 0; step < 20; ++step) twin.train(some_rows(random, 5, kMany), float(200 + step));
  twin.check_all();
}
#endif

}  // namespace
}  // namespace pairloom
