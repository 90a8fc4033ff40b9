// Settings that JavaScript gives as one array of numbers.
#pragma once

#include <span>
#include <string>

#include "binding/values.h"
#include "cpu/tables/fill.h"

namespace pairloom::binding {

// Reads the numbers of an argument one after the other.
class Settings {
 public:
  Settings(napi_env env, napi_value value) : numbers_(doubles(env, value, "settings")) {}

  double number() {
    if (next_ < numbers_.size()) return numbers_[next_++];
    throw Error({"an array is too short", "settings", std::to_string(numbers_.size()), "", ""});
  }
  uint64_t count() { return whole(number(), "settings"); }
  template <class Code>
  Code code(Code last) {
    const uint64_t code = count();
    if (code <= uint64_t(last)) return Code(uint32_t(code));
    throw Error({"a number is out of range", "settings", std::to_string(code), "", ""});
  }
  bool ended() const { return next_ == numbers_.size(); }

 private:
  const std::span<const double> numbers_;
  size_t next_ = 0;
};

// Initial values: the code of their kind, and its two numbers.
inline Fill read_fill(Settings& s) {
  Fill fill{};
  fill.kind = s.code(FillKind::kNormal);
  fill.a = s.number();
  fill.b = s.number();
  return fill;
}

// Some columns of rows of a table: their range, and the numbers of a whole row.
inline ColumnRange read_columns(Settings& s) {
  const uint64_t begin = s.count(), end = s.count(), width = s.count();
  if (begin < end && end <= width) return {begin, end, width};
  throw Error({"columns are out of range", "settings", std::to_string(begin) + " to " + std::to_string(end),
               "some of " + std::to_string(width), ""});
}

// The seed and the stream of their draws.
inline void read_draws(Settings& s, Fill& fill) {
  fill.seed = s.count();
  fill.stream = whole32(s.number(), "stream");
}

}  // namespace pairloom::binding
