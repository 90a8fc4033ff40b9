// Columns of a database chunk to ids and numbers: the transforms of src/features/transform.ts on whole vectors.
// src/data/plain-kernels.ts is their plain twin; the results are the same bits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace pairloom {

// A validity mask: bit r (of byte r / 8) is set where row r has a value. Null: every row has one.
struct Validity {
  const uint8_t* bits;
  bool operator()(size_t row) const { return bits == nullptr || (bits[row >> 3] >> (row & 7) & 1) != 0; }
};

// A VARCHAR vector of DuckDB: 16 bytes a row, `string_t` of its C API: the length (u32), then up to 12 bytes of text,
// or its first 4 bytes and a pointer to all of it. What the pointers of valid rows lead to must outlive the call.
struct Texts {
  const uint8_t* entries;
  Validity validity;
  size_t rows;
};

// Row r's result goes to data[r * stride].
template <class T>
struct Strided {
  T* data;
  size_t stride;
};

// ByteVocabulary of src/features/vocabulary.ts: open addressing, slots of (hash, row + 1), (0, 0) where empty.
struct Vocabulary {
  std::span<const uint32_t> slots;  // 2 x a power of two
  std::span<const double> starts;   // of each value in `bytes`, and the end of the last
  std::span<const uint8_t> bytes;
};

// The two id transforms: rows without text get `missing`. They return how many results are negative.
size_t hash_texts(const Texts& texts, uint32_t size, int32_t missing, Strided<int32_t> ids);
size_t look_up_texts(const Texts& texts, const Vocabulary& vocabulary, int32_t unknown, int32_t missing,
                     Strided<int32_t> ids);

struct NumberTransform {
  enum Kind : uint32_t { kIdentity, kLog, kAffine } kind;
  double shift, scale;  // kAffine: (x - shift) / scale
};

// The f32 of the transform of every value, computed in f64; `missing` for rows without one. NaN where the result is
// not finite, and where it is not settled here (see columns.cc): the caller looks at those. Returns how many are NaN.
size_t encode_numbers(const double* values, Validity validity, size_t rows, const NumberTransform& transform,
                      float missing, Strided<float> results);

}  // namespace pairloom
