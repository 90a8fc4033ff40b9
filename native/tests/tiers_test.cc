// Rows that move between frames and a file, against arrays with all of them; also when the disk fails.
#include <csignal>
#include <numeric>

#include <sys/resource.h>

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
  Twin(uint64_t width, uint64_t frames, uint64_t rows = kRows)
      : width_(width),
        rows_(rows),
        tier_({"/tmp", rows, 9000 + width * 4 * 8 + frames * (width * 4 + 24), {{DType::kFp32, width}}}),
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

std::vector<uint64_t> some_rows(Random& random, size_t count, uint64_t rows) {
  std::vector<uint64_t> some;
  while (some.size() < count) {
    const uint64_t row = random.below(4) == 0 ? random.below(uint32_t(rows)) : random.below(uint32_t(rows / 10));
    if (std::find(some.begin(), some.end(), row) == some.end()) some.push_back(row);
  }
  return some;
}

TEST(a_tier_has_the_rows_of_an_array) {
  Random random(3);
  for (const uint64_t width : {1, 5, 75, 1200}) {  // several in a block, nearly one, more than one
    Twin twin(width, 24);
    std::vector<uint64_t> next = some_rows(random, 9, kRows);
    for (uint32_t step = 0; step < 120; ++step) {
      const std::vector<uint64_t> rows = std::exchange(next, some_rows(random, 9, kRows));
      twin.train(rows, float(step));
      if (step % 3 != 0) twin.tier().prefetch(1, [&](std::vector<uint64_t>& to) { to = next; });
      if (step % 10 == 7) twin.gather(some_rows(random, 30, kRows));
      if (step % 20 == 9) {
        std::vector<uint64_t> written = some_rows(random, 30, kRows);
        std::sort(written.begin(), written.end());
        twin.scatter(written, float(1000 * step));
      }
      if (step % 40 == 11) twin.check_all();
    }
    twin.check_all();
    const std::vector<uint64_t> touched = twin.tier().touched();
    CHECK(std::is_sorted(touched.begin(), touched.end()));
    CHECK(touched.size() > 30 && touched.size() <= kRows);
  }
}

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

TEST(a_tier_whose_file_cannot_be_written_to_keeps_all_rows) {
  Twin twin(300, 12, 4000);
  Random random(5);
  for (uint32_t step = 0; step < 20; ++step) twin.train(some_rows(random, 5, 4000), float(step));
  uint32_t failures = 0;
  {
    const FileLimit limit(64 << 10);
    for (uint32_t step = 0; step < 40; ++step) {
      const std::vector<uint64_t> rows = some_rows(random, 5, 4000);
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
  for (uint32_t step = 0; step < 20; ++step) twin.train(some_rows(random, 5, 4000), float(200 + step));
  twin.check_all();
}

}  // namespace
}  // namespace pairloom
