#include "ingest/columns.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstring>
#include <iterator>
#include <limits>
#include <optional>
#include <string_view>

#include "ingest/murmur3.h"

namespace pairloom {
namespace {

constexpr uint32_t kInlineBytes = 12;
// A hash of 32 bits serves this many rows: src/features/transform.ts.
constexpr uint64_t kNarrowRows = uint64_t{1} << 31;
// Refusal.keyRange of src/features/refusal.ts.
constexpr int32_t kKeyRange = -15;

struct Text {
  const uint8_t* bytes;
  uint32_t length;
};

// Empty texts are missing.
Text text_at(const Texts& texts, size_t row) {
  if (!texts.validity(row)) return {nullptr, 0};
  const uint8_t* const entry = texts.entries + 16 * row;
  Text text{entry + 4, 0};
  std::memcpy(&text.length, entry, 4);
  if (text.length > kInlineBytes) std::memcpy(&text.bytes, entry + 8, sizeof text.bytes);
  return text;
}

// A value that cannot be an id: U+0000 and the number of the refusal, as src/features/canonical.ts writes it; else 0.
int32_t refusal_in(const Text& text) { return text.length == 2 && text.bytes[0] == 0 ? -int32_t{text.bytes[1]} : 0; }

int32_t find(const Vocabulary& vocabulary, const Text& text, uint32_t hash) {
  const size_t capacity = vocabulary.slots.size() / 2;
  for (size_t step = 0, slot = hash; step < capacity; ++step, ++slot) {
    const uint32_t* const entry = &vocabulary.slots[2 * (slot & (capacity - 1))];
    const size_t row = size_t{entry[1]} - 1;
    if (entry[1] == 0 || row + 1 >= vocabulary.starts.size()) return -1;
    if (entry[0] != hash) continue;
    const double start = vocabulary.starts[row], end = vocabulary.starts[row + 1];
    if (end - start != text.length || !(start >= 0) || end > double(vocabulary.bytes.size())) continue;
    if (std::memcmp(&vocabulary.bytes[size_t(start)], text.bytes, text.length) == 0) return int32_t(row);
  }
  return -1;
}

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

bool is_word(std::string_view text, std::string_view lower) {
  return std::ranges::equal(text, lower, {}, [](char c) { return c >= 'A' && c <= 'Z' ? char(c | 0x20) : c; });
}

// The digits at the front of the text, which are removed from it, appended to the decimal digits of an integer.
uint64_t take_digits(std::string_view& text, uint64_t integer) {
  size_t count = 0;
  for (; count < text.size() && text[count] >= '0' && text[count] <= '9'; ++count)
    integer = 10 * integer + uint64_t(text[count] - '0');
  text.remove_prefix(count);
  return integer;
}

// Digits with at most one point; NaN if they are others or too many. With at most 15 digits, their integer and the
// power of ten are exact in fp64, so the division rounds once (Clinger, 1990: How to read floating point numbers
// accurately).
double parse_short(std::string_view text) {
  constexpr double kTens[] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
  constexpr size_t kDigits = std::size(kTens) - 1;
  const size_t length = text.size();
  if (length > kDigits + 1) return NAN;
  uint64_t integer = take_digits(text, 0);
  if (text.empty()) return length <= kDigits ? double(integer) : NAN;
  if (text[0] != '.' || length == 1) return NAN;
  text.remove_prefix(1);
  const size_t after_point = text.size();
  integer = take_digits(text, integer);
  return text.empty() ? double(integer) / kTens[after_point] : NAN;
}

double parse_digits(std::string_view text) {
  double value = parse_short(text);
  if (value == value) return value;
#ifdef __cpp_lib_to_chars
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || stop != end) return NAN;
#endif
  return value;
}

// A text that is not blank, without white space around it; NaN if it is left open.
double parse(std::string_view text) {
  const bool negative = text[0] == '-';
  const std::string_view digits = text.substr(negative || text[0] == '+');
  // The standard library also reads words, and a second minus sign.
  if (!digits.empty() && (digits[0] == '.' || (digits[0] >= '0' && digits[0] <= '9'))) {
    const double value = parse_digits(digits);
    return negative ? -value : value;
  }
  return is_word(text, "true") ? 1 : is_word(text, "false") ? 0 : NAN;
}

// log1p of JavaScript and of this machine are each within one unit in the last place of the true value, but may differ.
// If the difference could decide which fp32 is nearest (once in about 2^25 values), the result is left open.
float settled_log1p(double x) {
  constexpr double kMargin = 0x1p-50;
  const double y = std::log1p(x > 0 ? x : 0.0);
  const float low = float(y - y * kMargin), high = float(y + y * kMargin);
  return low == high ? low : std::numeric_limits<float>::quiet_NaN();
}

// Logarithms are mostly taken of counts, so those of small whole numbers are cached.
float log_of(double x) {
  constexpr size_t kCounts = 4096;
  static const std::array<float, kCounts> counts = [] {
    std::array<float, kCounts> logs;
    for (size_t i = 0; i < kCounts; ++i) logs[i] = settled_log1p(double(i));
    return logs;
  }();
  if (x >= 0 && x < kCounts && x == double(size_t(x))) return counts[size_t(x)];
  return settled_log1p(x);
}

template <class Transform>
size_t encode(const double* values, Validity validity, size_t rows, float missing, Strided<float> results,
              Transform transform) {
  constexpr float kLargest = std::numeric_limits<float>::max();
  size_t open = 0;
  for (size_t r = 0; r < rows; ++r) {
    float result = missing;
    if (validity(r)) {
      result = std::fabs(values[r]) <= std::numeric_limits<double>::max() ? transform(values[r]) : NAN;
      if (!(std::fabs(result) <= kLargest)) result = NAN;
    }
    results.data[r * results.stride] = result;
    open += result != result;
  }
  return open;
}

void put(const Strided<int32_t>& ids, size_t row, int64_t id) { ids.data[row * ids.stride] = int32_t(id); }
void put(const WideIds& ids, size_t row, int64_t id) {
  ids.data[row * ids.stride] = id;
  ids.codes[row] = 0;
}

void put_none(const Strided<int32_t>& ids, size_t row, int32_t code) { ids.data[row * ids.stride] = code; }
void put_none(const WideIds& ids, size_t row, int32_t code) {
  ids.data[row * ids.stride] = 0;
  ids.codes[row] = int8_t(code);
}

// `id_of` returns the id of a text, or nothing for an integer that no key has.
template <class Ids, class IdOf>
size_t encode_each(const Texts& texts, int32_t missing, Ids ids, IdOf id_of) {
  size_t without = 0;
  for (size_t r = 0; r < texts.rows; ++r) {
    const Text text = text_at(texts, r);
    int32_t code = text.length == 0 ? std::min(missing, 0) : refusal_in(text);  // 0 if there may be an id
    std::optional<int64_t> id;
    if (code == 0) {
      id = text.length == 0 ? missing : id_of(text);
      code = kKeyRange;
    }
    if (id) put(ids, r, *id);
    else put_none(ids, r, code);
    without += !id;
  }
  return without;
}

// Digits as an integer has them: no zero before them, and a minus sign or none.
bool is_integer(std::string_view text) {
  const std::string_view digits = text.substr(text[0] == '-');
  if (digits.empty() || (digits[0] == '0' && text.size() > 1)) return false;
  return digits.find_first_not_of("0123456789") == digits.npos;
}

std::optional<int64_t> key_of(const Text& text) {
  constexpr int64_t kReserved = std::numeric_limits<int64_t>::min();  // the key of a missing value
  const std::string_view bytes(reinterpret_cast<const char*>(text.bytes), text.length);
  if (!is_integer(bytes)) {
    const auto hash = int64_t(murmur3_wide(text.bytes, text.length));
    return hash == kReserved ? hash + 1 : hash;
  }
  int64_t key = 0;
  const auto [stop, error] = std::from_chars(bytes.data(), bytes.data() + bytes.size(), key);
  if (error != std::errc{} || key == kReserved) return std::nullopt;
  return key;
}

}  // namespace

template <class Ids>
size_t hash_texts(const Texts& texts, uint64_t size, int32_t missing, Ids ids) {
  using Id = std::optional<int64_t>;
  if (size > kNarrowRows) {
    return encode_each(texts, missing, ids,
                       [&](const Text& text) -> Id { return murmur3_wide(text.bytes, text.length) % size; });
  }
  const uint32_t narrow = uint32_t(size);
  return encode_each(texts, missing, ids,
                     [&](const Text& text) -> Id { return murmur3(text.bytes, text.length) % narrow; });
}
template size_t hash_texts(const Texts&, uint64_t, int32_t, Strided<int32_t>);
template size_t hash_texts(const Texts&, uint64_t, int32_t, WideIds);

size_t keys_of_texts(const Texts& texts, int32_t missing, WideIds ids) {
  return encode_each(texts, missing, ids, key_of);
}

size_t look_up_texts(const Texts& texts, const Vocabulary& vocabulary, int32_t unknown, int32_t missing,
                     Strided<int32_t> ids) {
  // Hashes a few rows first, so that their slots, which are spread over a large table, are fetched at the same time.
  constexpr size_t kAhead = 64;
  Text ahead[kAhead];
  uint32_t hashes[kAhead];
  const size_t mask = vocabulary.slots.size() / 2 - 1;
  size_t negative = 0;
  for (size_t first = 0; first < texts.rows; first += kAhead) {
    const size_t count = std::min(kAhead, texts.rows - first);
    for (size_t i = 0; i < count; ++i) {
      ahead[i] = text_at(texts, first + i);
      hashes[i] = murmur3(ahead[i].bytes, ahead[i].length);
      __builtin_prefetch(&vocabulary.slots[2 * (hashes[i] & mask)]);
    }
    for (size_t i = 0; i < count; ++i) {
      int32_t id = missing;
      if (ahead[i].length != 0) {
        const int32_t row = find(vocabulary, ahead[i], hashes[i]);
        const int32_t refusal = refusal_in(ahead[i]);
        id = row >= 0 ? row : refusal != 0 ? refusal : unknown;
      }
      ids.data[(first + i) * ids.stride] = id;
      negative += id < 0;
    }
  }
  return negative;
}

// -0 + 0 is 0: integers have no -0, so no number has one.
constexpr double kNoSign = 0.0;

size_t parse_numbers(const Texts& texts, double* values, uint8_t* present) {
  std::fill_n(present, (texts.rows + 7) / 8, uint8_t{0});
  size_t open = 0;
  for (size_t r = 0; r < texts.rows; ++r) {
    const Text cell = text_at(texts, r);
    const std::string_view text = trimmed({reinterpret_cast<const char*>(cell.bytes), cell.length});
    if (text.empty()) continue;
    values[r] = parse(text) + kNoSign;
    present[r >> 3] |= uint8_t(1 << (r & 7));
    open += values[r] != values[r];
  }
  return open;
}

size_t encode_numbers(const double* values, Validity validity, size_t rows, const NumberTransform& transform,
                      float missing, Strided<float> results) {
  switch (transform.kind) {
    case NumberTransform::kIdentity:
      return encode(values, validity, rows, missing, results, [](double x) { return float(x + kNoSign); });
    case NumberTransform::kLog: return encode(values, validity, rows, missing, results, log_of);
    case NumberTransform::kAffine:
      return encode(values, validity, rows, missing, results,
                    [&](double x) { return float((x + kNoSign - transform.shift) / transform.scale); });
  }
  return 0;
}

}  // namespace pairloom
