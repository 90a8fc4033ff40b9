// Decides when all ranks must end because one of them is lost. Knows nothing of how pulses travel.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "distributed/communicator.h"

namespace pairloom {

// Why all ranks end, and with which exit code.
struct Verdict {
  std::string reason;
  int code;
};

// Every rank sends one a second to rank 0, and rank 0 to every rank.
struct Pulse {
  uint64_t step = 0, calls = 0;  // see Activity
  char call[24] = "";            // the call that waits for other ranks; empty: none does
  char failure[1500] = "";       // why the rank ends; empty: it goes on
  int32_t code = 0;              // with which it ends then
  uint32_t is_last = 0;          // all work is done

  static Pulse of(const Activity& activity);
  static Pulse of(const Verdict& failure);
};

// Where a rank runs.
struct Place {
  char host[64] = "";
  uint32_t pid = 0;
};

// The exit code of ranks that lost another.
constexpr int kLostRank = 75;

class Watchdog {
 public:
  using Time = std::chrono::steady_clock::time_point;

  // A rank that is silent for longer than `patience` is lost.
  Watchdog(uint32_t rank, std::vector<Place> places, Time now, std::chrono::seconds patience);

  // Rank 0 hears itself, too.
  void hear(uint32_t from, const Pulse& pulse, Time now);
  // Call it many times a second.
  std::optional<Verdict> judge(Time now);

  // `rank 3 (host b, pid 71)`
  std::string name_of(uint32_t rank) const;

 private:
  struct Heard {
    Pulse pulse;
    Time at, changed;  // of the last pulse, and of the last that told another activity
  };

  bool listens_to(uint32_t rank) const { return rank != rank_ && (rank_ == 0 || rank == 0); }
  std::optional<Verdict> silent(Time now) const;
  std::optional<Verdict> failed() const;
  std::optional<Verdict> apart(Time now) const;

  const uint32_t rank_;
  const std::vector<Place> places_;
  const std::chrono::seconds patience_;
  std::vector<Heard> heard_;  // by rank
  Time judged_;
};

}  // namespace pairloom
