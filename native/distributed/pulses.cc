#include "distributed/pulses.h"

#include <cstdlib>
#include <thread>

#include "platform/process.h"

namespace pairloom {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

constexpr seconds kBeat{1};
constexpr milliseconds kPoll{1};
// How long the launcher may take to end all ranks, and rank 0 to tell people why.
constexpr seconds kAborting{2}, kTelling{4};
// Launchers that end a job may lose what its ranks wrote last: they get so long to read it.
constexpr milliseconds kReading{500};
constexpr int kTag = 1;

}  // namespace

Pulses::Pulses(MpiCalls& calls, Mpi::Handle comm, uint32_t rank, std::vector<Place> places, seconds patience)
    : calls_(calls), comm_(comm), rank_(rank), watchdog_(rank, places, steady_clock::now(), patience) {
  if (rank > 0) lines_.emplace_back(0);
  else
    for (uint32_t other = 1; other < places.size(); ++other) lines_.emplace_back(other);
  for (Line& line : lines_) listen(line);  // now that they do not move any more
}

void Pulses::beat(const Activity& activity) {
  poll();
  const auto now = steady_clock::now();
  if (now - sent_ >= kBeat) {
    sent_ = now;
    const Pulse pulse = Pulse::of(activity);
    if (rank_ == 0) watchdog_.hear(0, pulse, now);
    for (Line& line : lines_) {
      if (!line.sending) send(line, pulse);
    }
  }
  if (const std::optional<Verdict> verdict = watchdog_.judge(now)) end(*verdict);
}

void Pulses::close() {
  Pulse last;
  last.is_last = 1;
  for (Line& line : lines_) send_when_free(line, last);
  for (Line& line : lines_) {
    while (line.sending || line.receiving) {
      poll();
      if (const std::optional<Verdict> verdict = watchdog_.judge(steady_clock::now())) end(*verdict);
      std::this_thread::sleep_for(kPoll);
    }
  }
}

void Pulses::fail(const Verdict& failure) {
  const std::string reason = failure.reason.empty() ? "" : watchdog_.name_of(rank_) + ": " + failure.reason;
  if (rank_ == 0) end({reason, failure.code});
  send_when_free(lines_[0], Pulse::of(failure));
  const auto until = steady_clock::now() + kTelling;
  while (steady_clock::now() < until) {
    poll();
    std::this_thread::sleep_for(kPoll);
  }
  end({reason, failure.code});
}

void Pulses::listen(Line& line) { line.receiving = calls_.receive(&line.in, sizeof(Pulse), line.rank, kTag, comm_); }

void Pulses::poll() {
  for (Line& line : lines_) {
    if (line.sending && calls_.test(*line.sending)) line.sending.reset();
    if (!line.receiving || !calls_.test(*line.receiving)) continue;
    line.receiving.reset();
    watchdog_.hear(line.rank, line.in, steady_clock::now());
    if (!line.in.is_last) listen(line);
  }
}

void Pulses::send(Line& line, const Pulse& pulse) {
  line.out = pulse;
  line.sending = calls_.send(&line.out, sizeof(Pulse), line.rank, kTag, comm_);
}

void Pulses::send_when_free(Line& line, const Pulse& pulse) {
  const auto until = steady_clock::now() + kTelling;
  while (line.sending && steady_clock::now() < until) {
    poll();
    std::this_thread::sleep_for(kPoll);
  }
  if (!line.sending) send(line, pulse);
}

// The launcher's own end may hang, as after a lost link: this process does not wait for it.
void Pulses::end(const Verdict& verdict) {
  if (!verdict.reason.empty()) write_error("pairloom: " + verdict.reason + "\n");
  std::this_thread::sleep_for(kReading);
  std::thread([this, code = verdict.code] { calls_.library().Abort(calls_.library().world, code); }).detach();
  std::this_thread::sleep_for(kAborting);
  std::_Exit(verdict.code);
}

}  // namespace pairloom
