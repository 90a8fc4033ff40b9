// MurmurHash3 x86_32 (Austin Appleby, public domain algorithm), seed 0: bit-identical to src/murmur3.ts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace pairloom {

inline uint32_t rotate_left(uint32_t x, int bits) { return x << bits | x >> (32 - bits); }

inline uint32_t murmur3_scramble(uint32_t word) { return rotate_left(word * 0xcc9e2d51u, 15) * 0x1b873593u; }

// Words are read as little-endian, the byte order of every supported processor.
inline uint32_t murmur3(const uint8_t* bytes, size_t length) {
  uint32_t hash = 0;
  const uint8_t* const tail = bytes + (length & ~size_t{3});
  for (; bytes < tail; bytes += 4) {
    uint32_t word;
    std::memcpy(&word, bytes, 4);
    hash = rotate_left(hash ^ murmur3_scramble(word), 13) * 5 + 0xe6546b64u;
  }
  uint32_t rest = 0;
  for (size_t i = length & 3; i-- > 0;) rest = rest << 8 | tail[i];
  if (length & 3) hash ^= murmur3_scramble(rest);
  hash ^= uint32_t(length);
  hash = (hash ^ hash >> 16) * 0x85ebca6bu;
  hash = (hash ^ hash >> 13) * 0xc2b2ae35u;
  return hash ^ hash >> 16;
}

}  // namespace pairloom
