// Transforms columns of a database chunk to ids and numbers: src/features/transform.ts on whole vectors.
// src/data/encode/plain-kernels.ts is the reference implementation; results are bit-identical.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace pairloom {

// A validity mask: bit r % 8 of byte r / 8 is set if row r has a value. Null: every row has one.
struct Validity {
  const uint8_t* bits;
  bool operator()(size_t row) const { return bits == nullptr || (bits[row >> 3] >> (row & 7) & 1) != 0; }
};

// A VARCHAR vector of DuckDB: 16 bytes per row, the `string_t` of its C API: the length (u32), then up to 12 bytes of
// text, or its first 4 bytes and a pointer to the whole text. The texts of valid rows must outlive the call.
struct Texts {
  const uint8_t* entries;
  Validity validity;
  size_t rows;
};

// Row r's result is written to data[r * stride].
template <class T>
struct Strided {
  T* data;
  size_t stride;
};

// 64-bit ids: row r's is written to data[r * stride], and codes[r] is 0, or a negative number if the row has none.
struct WideIds {
  int64_t* data;
  size_t stride;
  int8_t* codes;
};

// ByteVocabulary of src/features/vocabulary.ts: open addressing, slots of (hash, row + 1), (0, 0) if empty.
struct Vocabulary {
  std::span<const uint32_t> slots;  // 2 x a power of two
  std::span<const double> starts;   // start of each value in `bytes`, and the end of the last
  std::span<const uint8_t> bytes;
};

// The three id transforms. Rows without text get `missing`, an id or a negative number; texts that stand for a refusal get
// its code. They return the number of rows without an id.

// `Ids` is Strided<int32_t> with a `size` of at most 2^31, or WideIds: above 2^31, the hash has 64 bits.
template <class Ids>
size_t hash_texts(const Texts& texts, uint64_t size, int32_t missing, Ids ids);
// src/features/table-key.ts: a text that is an integer is its own key, any other has its 64-bit hash.
size_t keys_of_texts(const Texts& texts, int32_t missing, WideIds ids);
size_t look_up_texts(const Texts& texts, const Vocabulary& vocabulary, int32_t unknown, int32_t missing,
                     Strided<int32_t> ids);

// Reads texts as numbers by the rule of src/features/values.ts: `values` gets a number for each row, `present` a validity
// mask of their rows, without the blank ones. NaN for a row that is left open: a text that is no number, and one that
// the standard library cannot round. Returns the number of such rows.
size_t parse_numbers(const Texts& texts, double* values, uint8_t* present);

struct NumberTransform {
  enum Kind : uint32_t { kIdentity, kLog, kAffine } kind;
  double shift, scale;  // kAffine: (x - shift) / scale
};

// Transforms every value in fp64 and rounds to fp32; `missing` for rows without a value. NaN if the result is not
// finite, or is left open (see columns.cc): the caller must handle those. Returns the number of NaNs.
size_t encode_numbers(const double* values, Validity validity, size_t rows, const NumberTransform& transform,
                      float missing, Strided<float> results);

}  // namespace pairloom
