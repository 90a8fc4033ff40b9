#include "binding/ingest.h"

#include <atomic>
#include <bit>
#include <memory>

#include "ingest/columns.h"
#include "ingest/duckdb.h"

namespace pairloom::binding {
namespace {

[[noreturn]] void too_short(const char* what, size_t got, size_t expected) {
  throw Error({"an array is too short", what, std::to_string(got), "at least " + std::to_string(expected), ""});
}

size_t rows_of(napi_env env, napi_value value) { return whole32(number(env, value, "rows"), "rows"); }

int32_t integer(napi_env env, napi_value value, const char* what) {
  int32_t result;
  ensure(napi_get_value_int32(env, value, &result), what);
  return result;
}

// One per process, like the library; set once and never freed.
std::atomic<const DuckFunctions*> duckdb = nullptr;

struct DuckVector {
  const void* data;
  Validity validity;
};

DuckVector vector_of(napi_env env, napi_value value) {
  void* vector = nullptr;
  ensure(napi_get_value_external(env, value, &vector), "vector");
  const DuckFunctions* const functions = duckdb.load();
  if (functions == nullptr) throw Error({"DuckDB's library is not in use", "vector", "", "a call of useDuckdb", ""});
  return {functions->data(vector), {reinterpret_cast<const uint8_t*>(functions->validity(vector))}};
}

Texts texts_of(napi_env env, napi_value vector, napi_value rows) {
  const auto [data, validity] = vector_of(env, vector);
  return {static_cast<const uint8_t*>(data), validity, rows_of(env, rows)};
}

// The mask of `rows` values, if there are enough.
uint8_t* mask_of(napi_env env, napi_value present, size_t values, size_t rows) {
  const auto mask = array_of<uint8_t>(env, present, napi_uint8_array, "present");
  if (values < rows) too_short("values", values, rows);
  if (mask.size() * 8 < rows) too_short("present", mask.size() * 8, rows);
  return mask.data();
}

struct Numbers {
  const double* values;
  Validity validity;
};

Numbers numbers_of(napi_env env, napi_value values, napi_value present, size_t rows) {
  bool parsed = false;
  napi_is_typedarray(env, values, &parsed);
  if (!parsed) {
    const auto [data, validity] = vector_of(env, values);
    return {static_cast<const double*>(data), validity};
  }
  const auto numbers = doubles(env, values, "values");
  return {numbers.data(), {mask_of(env, present, numbers.size(), rows)}};
}

// The destination of results: the array `data`, and the arguments (offset, stride).
template <class T>
Strided<T> target_of(napi_env env, std::span<T> data, const napi_value* place, size_t rows) {
  const size_t offset = whole32(number(env, place[0], "offset"), "offset");
  const size_t stride = whole32(number(env, place[1], "stride"), "stride");
  const size_t needed = rows == 0 ? offset : offset + (rows - 1) * stride + 1;
  if (data.size() < needed) too_short("results", data.size(), needed);
  return {data.data() + offset, stride};
}

// The arguments (ids, offset, stride) of 32-bit ids.
Strided<int32_t> ids_of(napi_env env, const napi_value* arguments, size_t rows) {
  return target_of(env, array_of<int32_t>(env, arguments[0], napi_int32_array, "ids"), arguments + 1, rows);
}

// The arguments (ids, offset, stride, codes) of 64-bit ids.
WideIds wide_ids_of(napi_env env, const napi_value* arguments, size_t rows) {
  const auto data = array_of<int64_t>(env, arguments[0], napi_bigint64_array, "ids");
  const auto [start, stride] = target_of(env, data, arguments + 1, rows);
  const auto codes = array_of<int8_t>(env, arguments[3], napi_int8_array, "codes");
  if (codes.size() < rows) too_short("codes", codes.size(), rows);
  return {start, stride, codes.data()};
}

// The size of a hash whose results fit the ids.
uint64_t hash_size(double size, bool wide) {
  const uint64_t most = uint64_t{1} << (wide ? 53 : 31);
  if (size >= 1 && size <= double(most)) return whole(size, "size");
  throw Error({"a number is out of range", "size", std::to_string(size), "1 to " + std::to_string(most), ""});
}

}  // namespace

napi_value use_duckdb(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    const DuckFunctions found = find_duckdb(text(env, Arguments<1>(env, info)[0], "path").c_str());
    const DuckFunctions* unset = nullptr;
    if (found.data != nullptr && duckdb.load() == nullptr) {
      auto functions = std::make_unique<DuckFunctions>(found);
      if (duckdb.compare_exchange_strong(unset, functions.get())) functions.release();
    }
    napi_value result = nullptr;
    napi_get_boolean(env, found.data != nullptr, &result);
    return result;
  });
}

napi_value hash_texts(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    const Arguments<8> a(env, info);
    const Texts texts = texts_of(env, a[0], a[1]);
    const int32_t missing = integer(env, a[3], "missing");
    const bool wide = typed_array(env, a[4], "ids").type == napi_bigint64_array;
    const uint64_t size = hash_size(number(env, a[2], "size"), wide);
    const size_t without =
        wide ? pairloom::hash_texts(texts, size, missing, wide_ids_of(env, a.values + 4, texts.rows))
             : pairloom::hash_texts(texts, size, missing, ids_of(env, a.values + 4, texts.rows));
    return make_number(env, double(without));
  });
}

napi_value keys_of_texts(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    const Arguments<7> a(env, info);
    const Texts texts = texts_of(env, a[0], a[1]);
    const WideIds ids = wide_ids_of(env, a.values + 3, texts.rows);
    return make_number(env, double(pairloom::keys_of_texts(texts, integer(env, a[2], "missing"), ids)));
  });
}

napi_value look_up_texts(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    const Arguments<10> a(env, info);
    const Texts texts = texts_of(env, a[0], a[1]);
    const Vocabulary vocabulary{array_of<const uint32_t>(env, a[2], napi_uint32_array, "slots"),
                                doubles(env, a[3], "starts"),
                                array_of<const uint8_t>(env, a[4], napi_uint8_array, "bytes")};
    if (vocabulary.slots.size() < 2 || !std::has_single_bit(vocabulary.slots.size())) {
      throw Error({"a vocabulary is of the wrong size", "slots", std::to_string(vocabulary.slots.size()),
                   "a power of two", ""});
    }
    const int32_t unknown = integer(env, a[5], "unknown"), missing = integer(env, a[6], "missing");
    const Strided<int32_t> ids = ids_of(env, a.values + 7, texts.rows);
    return make_number(env, double(pairloom::look_up_texts(texts, vocabulary, unknown, missing, ids)));
  });
}

napi_value parse_numbers(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    const Arguments<4> a(env, info);
    const Texts texts = texts_of(env, a[0], a[1]);
    const auto values = array_of<double>(env, a[2], napi_float64_array, "values");
    uint8_t* const present = mask_of(env, a[3], values.size(), texts.rows);
    return make_number(env, double(pairloom::parse_numbers(texts, values.data(), present)));
  });
}

napi_value encode_numbers(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    const Arguments<10> a(env, info);
    const size_t rows = rows_of(env, a[2]);
    const auto [values, validity] = numbers_of(env, a[0], a[1], rows);
    const uint32_t kind = whole32(number(env, a[3], "kind"), "kind");
    if (kind > NumberTransform::kAffine) throw Error({"unknown kind of transform", "kind", std::to_string(kind), "", ""});
    const NumberTransform transform{NumberTransform::Kind(kind), number(env, a[4], "shift"), number(env, a[5], "scale")};
    return make_number(env, double(pairloom::encode_numbers(
                                values, validity, rows, transform, float(number(env, a[6], "missing")),
                                target_of(env, floats(env, a[7], "results"), a.values + 8, rows))));
  });
}

}  // namespace pairloom::binding
