// What the watchdog decides, on a clock that the test turns.
#include "distributed/watchdog.h"

#include <cstdio>

#include "tests/test.h"

namespace pairloom {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr seconds kPatience{20};

std::vector<Place> places(uint32_t size) {
  std::vector<Place> all(size);
  for (uint32_t rank = 0; rank < size; ++rank) {
    std::snprintf(all[rank].host, sizeof(all[rank].host), "host%u", rank);
    all[rank].pid = 100 + rank;
  }
  return all;
}

// A rank and its clock.
struct Watch {
  Watchdog::Time now{};
  Watchdog dog;
  Watch(uint32_t rank, uint32_t size) : dog(rank, places(size), now, kPatience) {}

  // Lets time pass while these ranks send a pulse every second; the first verdict, or "".
  std::string pass(seconds time, const std::vector<std::pair<uint32_t, Pulse>>& heard) {
    const Watchdog::Time until = now + time;
    while (now < until) {
      now += milliseconds{100};
      if ((now.time_since_epoch() / milliseconds{100}) % 10 == 0) {
        for (const auto& [rank, pulse] : heard) dog.hear(rank, pulse, now);
      }
      if (const auto verdict = dog.judge(now)) return std::to_string(verdict->code) + " " + verdict->reason;
    }
    return "";
  }
};

Pulse pulse(uint64_t step, uint64_t calls, const char* call) { return Pulse::of(Activity{step, calls, call}); }

}  // namespace

TEST(rank_0_names_the_rank_that_is_silent) {
  Watch watch(0, 3);
  CHECK_EQ(watch.pass(seconds{100}, {{1, pulse(7, 1, nullptr)}, {2, pulse(8, 1, "rows")}}), "");
  CHECK_EQ(watch.pass(seconds{19}, {{1, pulse(9, 1, nullptr)}}), "");
  CHECK_EQ(watch.pass(seconds{2}, {{1, pulse(9, 1, nullptr)}}),
           "75 rank 2 (host host2, pid 102) has not been heard of for 20 s; it was last in step 8, waiting for the "
           "others (rows)");
}

TEST(the_other_ranks_watch_rank_0_and_rank_1_tells_of_it_first) {
  Watch first(1, 3), second(2, 3);
  CHECK_EQ(first.pass(seconds{19}, {}), "");
  CHECK_EQ(second.pass(seconds{21}, {}), "");
  for (Watch* watch : {&first, &second}) {
    const std::string verdict = watch->pass(seconds{2}, {});
    CHECK(verdict.find("75 rank 0 (host host0, pid 100) has not been heard of") == 0);
  }
}

TEST(a_process_that_was_paused_itself_waits_again) {
  Watch watch(0, 2);
  CHECK_EQ(watch.pass(seconds{10}, {{1, pulse(1, 1, nullptr)}}), "");
  watch.now += seconds{3600};
  CHECK_EQ(watch.pass(seconds{19}, {}), "");
  CHECK(watch.pass(seconds{2}, {}) != "");
}

TEST(a_rank_that_has_finished_may_be_silent) {
  Watch watch(0, 2);
  Pulse last;
  last.is_last = 1;
  watch.dog.hear(1, last, watch.now);
  CHECK_EQ(watch.pass(seconds{100}, {}), "");
}

TEST(rank_0_tells_why_another_rank_fails) {
  Watch watch(0, 3);
  CHECK_EQ(watch.pass(seconds{1}, {{1, pulse(1, 1, nullptr)}, {2, Pulse::of(Verdict{"error: the disk is full", 1})}}),
           "1 rank 2 (host host2, pid 102): error: the disk is full");
}

TEST(ranks_that_wait_for_each_other_in_different_calls_end) {
  const Pulse rows = pulse(3, 10, "rows"), sums = pulse(3, 11, "sums"), none = pulse(3, 11, nullptr);
  Watch slow(0, 3), apart(0, 3);
  CHECK_EQ(slow.pass(seconds{100}, {{0, rows}, {1, rows}, {2, none}}), "");  // rank 2 computes
  CHECK_EQ(slow.pass(seconds{100}, {{0, rows}, {1, rows}, {2, rows}}), "");  // many bytes
  CHECK_EQ(apart.pass(seconds{19}, {{0, rows}, {1, rows}, {2, sums}}), "");
  CHECK_EQ(apart.pass(seconds{3}, {{0, rows}, {1, rows}, {2, sums}}),
           "75 the ranks wait for each other in different calls: rank 0 (host host0, pid 100) in step 3, waiting for "
           "the others (rows); rank 2 (host host2, pid 102) in step 3, waiting for the others (sums)");
}

}  // namespace pairloom
