// Pulses between ranks through MPI, and the end of this process when a rank is lost.
#pragma once

#include <optional>

#include "distributed/mpi_calls.h"
#include "distributed/watchdog.h"

namespace pairloom {

class Pulses {
 public:
  // `comm` is for pulses alone; `places` by rank.
  Pulses(MpiCalls& calls, Mpi::Handle comm, uint32_t rank, std::vector<Place> places, std::chrono::seconds patience);

  // Sends a pulse where one is due, and takes those that have come. Ends the process when a rank is lost.
  void beat(const Activity& activity);
  // Waits for the last pulse of every rank.
  void close();
  // Ends all ranks. Rank 0 tells people why, also for other ranks; empty: it has told them.
  [[noreturn]] void fail(const Verdict& failure);

 private:
  // A pulse to a rank and one from it, on the way again and again.
  struct Line {
    explicit Line(uint32_t to) : rank(to) {}
    uint32_t rank;
    Pulse out, in;
    std::optional<Mpi::Handle> sending, receiving;
  };

  void listen(Line& line);
  void poll();
  void send(Line& line, const Pulse& pulse);
  void send_when_free(Line& line, const Pulse& pulse);
  [[noreturn]] void end(const Verdict& verdict);

  MpiCalls& calls_;
  const Mpi::Handle comm_;
  const uint32_t rank_;
  Watchdog watchdog_;
  std::vector<Line> lines_;
  Watchdog::Time sent_{};
};

}  // namespace pairloom
