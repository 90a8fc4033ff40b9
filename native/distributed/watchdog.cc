#include "distributed/watchdog.h"

#include <cstring>

namespace pairloom {
namespace {

using std::chrono::seconds;

// Rank 1 tells of the loss of rank 0; the others wait so much longer, and do only where it cannot either.
constexpr seconds kOthersPatience{2};
// After such a pause of this process itself, the silence of the others tells nothing.
constexpr seconds kPause{5};
// After this time, ranks that wait for each other in different calls will not meet any more.
constexpr seconds kApart{20};

template <size_t Size>
void copy_text(char (&to)[Size], const char* from) {
  std::strncpy(to, from, Size - 1);
}

std::string last_seen(const Pulse& pulse) {
  const std::string step = "in step " + std::to_string(pulse.step);
  return pulse.call[0] == '\0' ? step : step + ", waiting for the others (" + pulse.call + ")";
}

}  // namespace

Pulse Pulse::of(const Activity& activity) {
  Pulse pulse;
  pulse.step = activity.step;
  pulse.calls = activity.calls;
  if (activity.name != nullptr) copy_text(pulse.call, activity.name);
  return pulse;
}

Pulse Pulse::of(const Verdict& failure) {
  Pulse pulse;
  copy_text(pulse.failure, failure.reason.c_str());
  pulse.code = failure.code;
  return pulse;
}

Watchdog::Watchdog(uint32_t rank, std::vector<Place> places, Time now, seconds patience)
    : rank_(rank),
      places_(std::move(places)),
      patience_(patience),
      heard_(places_.size(), {Pulse{}, now, now}),
      judged_(now) {}

void Watchdog::hear(uint32_t from, const Pulse& pulse, Time now) {
  Heard& heard = heard_[from];
  if (pulse.calls != heard.pulse.calls || std::strcmp(pulse.call, heard.pulse.call) != 0) heard.changed = now;
  heard.pulse = pulse;
  heard.at = now;
}

std::optional<Verdict> Watchdog::judge(Time now) {
  if (now - judged_ > kPause) {
    for (Heard& heard : heard_) heard.at = now;
  }
  judged_ = now;
  std::optional<Verdict> verdict;
  if (rank_ == 0) verdict = failed();
  if (!verdict) verdict = silent(now);
  if (!verdict && rank_ == 0) verdict = apart(now);
  return verdict;
}

std::optional<Verdict> Watchdog::silent(Time now) const {
  const seconds patience = rank_ > 1 ? patience_ + kOthersPatience : patience_;
  for (uint32_t rank = 0; rank < heard_.size(); ++rank) {
    const Heard& heard = heard_[rank];
    if (!listens_to(rank) || heard.pulse.is_last || now - heard.at < patience) continue;
    const auto silence = std::chrono::duration_cast<seconds>(now - heard.at).count();
    return Verdict{name_of(rank) + " has not been heard of for " + std::to_string(silence) + " s; it was last " +
                       last_seen(heard.pulse),
                   kLostRank};
  }
  return std::nullopt;
}

std::optional<Verdict> Watchdog::failed() const {
  for (uint32_t rank = 0; rank < heard_.size(); ++rank) {
    const Pulse& pulse = heard_[rank].pulse;
    if (pulse.failure[0] != '\0') return Verdict{name_of(rank) + ": " + pulse.failure, pulse.code};
  }
  return std::nullopt;
}

std::optional<Verdict> Watchdog::apart(Time now) const {
  const Pulse& first = heard_[0].pulse;
  uint32_t other = 0;
  for (uint32_t rank = 0; rank < heard_.size(); ++rank) {
    const Heard& heard = heard_[rank];
    if (heard.pulse.call[0] == '\0' || now - heard.changed < kApart) return std::nullopt;
    if (heard.pulse.calls != first.calls || std::strcmp(heard.pulse.call, first.call) != 0) other = rank;
  }
  if (other == 0) return std::nullopt;
  return Verdict{"the ranks wait for each other in different calls: " + name_of(0) + " " + last_seen(first) + "; " +
                     name_of(other) + " " + last_seen(heard_[other].pulse),
                 kLostRank};
}

std::string Watchdog::name_of(uint32_t rank) const {
  const Place& place = places_[rank];
  return "rank " + std::to_string(rank) + " (host " + place.host + ", pid " + std::to_string(place.pid) + ")";
}

}  // namespace pairloom
