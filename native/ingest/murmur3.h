// MurmurHash3 (Austin Appleby, public domain algorithm), seed 0: bit-identical to src/murmur3.ts.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace pairloom {

inline uint32_t murmur3_scramble(uint32_t word) { return std::rotl(word * 0xcc9e2d51u, 15) * 0x1b873593u; }

// x86_32. Words are read as little-endian, the byte order of every supported processor.
inline uint32_t murmur3(const uint8_t* bytes, size_t length) {
  uint32_t hash = 0;
  const uint8_t* const tail = bytes + (length & ~size_t{3});
  for (; bytes < tail; bytes += 4) {
    uint32_t word;
    std::memcpy(&word, bytes, 4);
    hash = std::rotl(hash ^ murmur3_scramble(word), 13) * 5 + 0xe6546b64u;
  }
  uint32_t rest = 0;
  for (size_t i = length & 3; i-- > 0;) rest = rest << 8 | tail[i];
  if (length & 3) hash ^= murmur3_scramble(rest);
  hash ^= uint32_t(length);
  hash = (hash ^ hash >> 16) * 0x85ebca6bu;
  hash = (hash ^ hash >> 13) * 0xc2b2ae35u;
  return hash ^ hash >> 16;
}

struct Murmur3Wide {
  static constexpr uint64_t kFirst = 0x87c37b91114253d5u, kSecond = 0x4cf5ad432745937fu;
  static uint64_t scramble_one(uint64_t word) { return std::rotl(word * kFirst, 31) * kSecond; }
  static uint64_t scramble_two(uint64_t word) { return std::rotl(word * kSecond, 33) * kFirst; }
  static uint64_t finish(uint64_t hash) {
    hash = (hash ^ hash >> 33) * 0xff51afd7ed558ccdu;
    hash = (hash ^ hash >> 33) * 0xc4ceb9fe1a85ec53u;
    return hash ^ hash >> 33;
  }
};

// The first 64 bits of x64_128.
inline uint64_t murmur3_wide(const uint8_t* bytes, size_t length) {
  uint64_t one = 0, two = 0;
  const uint8_t* const tail = bytes + (length & ~size_t{15});
  for (; bytes < tail; bytes += 16) {
    uint64_t words[2];
    std::memcpy(words, bytes, 16);
    one = (std::rotl(one ^ Murmur3Wide::scramble_one(words[0]), 27) + two) * 5 + 0x52dce729u;
    two = (std::rotl(two ^ Murmur3Wide::scramble_two(words[1]), 31) + one) * 5 + 0x38495ab5u;
  }
  uint64_t rest[2] = {};
  if (length & 15) std::memcpy(rest, tail, length & 15);
  one ^= Murmur3Wide::scramble_one(rest[0]) ^ length;
  two ^= Murmur3Wide::scramble_two(rest[1]) ^ length;
  one += two;
  two += one;
  return Murmur3Wide::finish(one) + Murmur3Wide::finish(two);
}

}  // namespace pairloom
