#include "binding/ingest.h"

#include <bit>

#include "ingest/columns.h"

namespace pairloom::binding {
namespace {

template <class T>
std::span<T> array_of(napi_env env, napi_value value, napi_typedarray_type type, const char* what) {
  const TypedArray array = typed_array(env, value, what);
  if (array.type != type) throw Error({"a typed array is of the wrong type", what, "", "", ""});
  return {static_cast<T*>(array.data), array.length};
}

[[noreturn]] void too_short(const char* what, size_t got, size_t expected) {
  throw Error({"an array is too short", what, std::to_string(got), "at least " + std::to_string(expected), ""});
}

size_t rows_of(napi_env env, napi_value value) { return whole32(number(env, value, "rows"), "rows"); }

int32_t integer(napi_env env, napi_value value, const char* what) {
  int32_t result;
  ensure(napi_get_value_int32(env, value, &result), what);
  return result;
}

Validity validity_of(napi_env env, napi_value value, size_t rows) {
  napi_valuetype type;
  ensure(napi_typeof(env, value, &type), "validity");
  if (type == napi_undefined) return {nullptr};
  const auto bits = array_of<const uint8_t>(env, value, napi_uint8_array, "validity");
  if (bits.size() * 8 < rows) too_short("validity", bits.size(), (rows + 7) / 8);
  return {bits.data()};
}

Texts texts_of(napi_env env, napi_value entries, napi_value validity, napi_value rows) {
  const size_t count = rows_of(env, rows);
  const auto bytes = array_of<const uint8_t>(env, entries, napi_uint8_array, "entries");
  if (bytes.size() / 16 < count) too_short("entries", bytes.size(), 16 * count);
  return {bytes.data(), validity_of(env, validity, count), count};
}

// The last three arguments of every call: where the results go.
template <class T>
Strided<T> target_of(napi_env env, std::span<T> data, const napi_value* place, size_t rows) {
  const size_t offset = whole32(number(env, place[0], "offset"), "offset");
  const size_t stride = whole32(number(env, place[1], "stride"), "stride");
  const size_t needed = rows == 0 ? offset : offset + (rows - 1) * stride + 1;
  if (data.size() < needed) too_short("results", data.size(), needed);
  return {data.data() + offset, stride};
}

Strided<int32_t> ids_of(napi_env env, const napi_value* arguments, size_t rows) {
  return target_of(env, array_of<int32_t>(env, arguments[0], napi_int32_array, "ids"), arguments + 1, rows);
}

}  // namespace

napi_value hash_texts(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    const Arguments<8> a(env, info);
    const Texts texts = texts_of(env, a[0], a[1], a[2]);
    const uint32_t size = whole32(number(env, a[3], "size"), "size");
    if (size == 0) throw Error({"a number is out of range", "size", "0", "1 at least", ""});
    return make_number(env, double(pairloom::hash_texts(texts, size, integer(env, a[4], "missing"),
                                                        ids_of(env, a.values + 5, texts.rows))));
  });
}

napi_value look_up_texts(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    const Arguments<11> a(env, info);
    const Texts texts = texts_of(env, a[0], a[1], a[2]);
    const Vocabulary vocabulary{array_of<const uint32_t>(env, a[3], napi_uint32_array, "slots"),
                                doubles(env, a[4], "starts"),
                                array_of<const uint8_t>(env, a[5], napi_uint8_array, "bytes")};
    if (vocabulary.slots.size() < 2 || !std::has_single_bit(vocabulary.slots.size())) {
      throw Error({"a vocabulary is of the wrong size", "slots", std::to_string(vocabulary.slots.size()),
                   "a power of two", ""});
    }
    return make_number(env, double(pairloom::look_up_texts(texts, vocabulary, integer(env, a[6], "unknown"),
                                                           integer(env, a[7], "missing"),
                                                           ids_of(env, a.values + 8, texts.rows))));
  });
}

napi_value encode_numbers(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    const Arguments<10> a(env, info);
    const size_t rows = rows_of(env, a[2]);
    const auto values = doubles(env, a[0], "values");
    if (values.size() < rows) too_short("values", values.size(), rows);
    const uint32_t kind = whole32(number(env, a[3], "kind"), "kind");
    if (kind > NumberTransform::kAffine) throw Error({"unknown kind of transform", "kind", std::to_string(kind), "", ""});
    const NumberTransform transform{NumberTransform::Kind(kind), number(env, a[4], "shift"), number(env, a[5], "scale")};
    return make_number(env, double(pairloom::encode_numbers(
                                values.data(), validity_of(env, a[1], rows), rows, transform,
                                float(number(env, a[6], "missing")),
                                target_of(env, floats(env, a[7], "results"), a.values + 8, rows))));
  });
}

}  // namespace pairloom::binding
