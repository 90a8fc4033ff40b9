#include "cpu/tiers/frames.h"

#include <algorithm>

namespace pairloom {
namespace {

constexpr uint32_t kAlways = ~uint32_t{0};  // a step that never comes

}  // namespace

Frames::Frames(size_t count, bool keyed, bool named)
    : rows_(count + 1),
      keys_(named ? count : 0),
      used_(count),
      heat_(count),
      flags_(count),
      index_(rows_.data(), count, count),
      names_{named ? keys_.data() : rows_.data() + 1, keyed, true} {
  std::fill_n(rows_.data(), count + 1, kNone);
  if (!keyed) return;
  put(0, 0, 0, kAlways);
  set_dirty(0);
}

bool Frames::use(uint32_t frame, uint32_t step) {
  if (used_[frame] >= step) return false;
  used_[frame] = step;
  if (heat_[frame] < kMostHeat) ++heat_[frame];
  return true;
}

// The clock algorithm: a frame that was used often survives several turns of the hand.
bool Frames::take(uint32_t step, uint32_t& frame) {
  for (uint64_t turn = 0; turn <= (uint64_t{kMostHeat} + 1) * size(); ++turn) {
    frame = advance();
    if (is_empty(frame)) return true;
    if (used_[frame] >= step) continue;
    if (heat_[frame] == 0) return true;
    --heat_[frame];
  }
  return false;
}

bool Frames::take_empty(uint32_t& frame) {
  if (!is_empty(hand_)) return false;
  frame = advance();
  return true;
}

// The frame at the hand, which moves on.
uint32_t Frames::advance() {
  const uint32_t frame = hand_;
  hand_ = size_t{hand_} + 1 == size() ? 0 : hand_ + 1;
  return frame;
}

void Frames::put(uint32_t frame, uint64_t row, uint64_t name, uint32_t step) {
  rows_[size_t{frame} + 1] = row;
  if (keys_.size() > 0) keys_[frame] = name;
  index_.insert(row, frame + 1);
  used_[frame] = step;
  heat_[frame] = 1;
}

void Frames::empty(uint32_t frame) {
  index_.erase(row_of(frame));
  rows_[size_t{frame} + 1] = kNone;
  flags_[frame] = heat_[frame] = 0;
  used_[frame] = 0;
}

}  // namespace pairloom
