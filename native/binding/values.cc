#include "binding/values.h"

#include <cmath>

namespace pairloom::binding {

void ensure(napi_status status, const char* what) {
  if (status == napi_ok) return;
  throw Error({"an argument is of the wrong type", what, "", "", "Call the native core through src/backends/native."});
}

TypedArray typed_array(napi_env env, napi_value value, const char* what) {
  TypedArray array{};
  ensure(napi_get_typedarray_info(env, value, &array.type, &array.length, &array.data, nullptr, nullptr), what);
  return array;
}

TypedArray typed_array(napi_env env, napi_value value, napi_typedarray_type type, const char* what) {
  static constexpr const char* kNames[] = {"Int8Array",    "Uint8Array",    "Uint8ClampedArray", "Int16Array",
                                           "Uint16Array",  "Int32Array",    "Uint32Array",       "Float32Array",
                                           "Float64Array", "BigInt64Array", "BigUint64Array"};  // by its code
  const TypedArray array = typed_array(env, value, what);
  if (array.type == type) return array;
  throw Error({"an argument is of the wrong type", what, "", kNames[type], ""});
}

std::span<float> floats(napi_env env, napi_value value, const char* what) {
  return array_of<float>(env, value, napi_float32_array, what);
}

std::span<const double> doubles(napi_env env, napi_value value, const char* what) {
  return array_of<const double>(env, value, napi_float64_array, what);
}

std::string text(napi_env env, napi_value value, const char* what) {
  size_t length = 0;
  ensure(napi_get_value_string_utf8(env, value, nullptr, 0, &length), what);
  std::string result(length, '\0');
  napi_get_value_string_utf8(env, value, result.data(), length + 1, &length);
  return result;
}

double number(napi_env env, napi_value value, const char* what) {
  double result;
  ensure(napi_get_value_double(env, value, &result), what);
  return result;
}

uint64_t whole(double value, const char* what) {
  if (value >= 0 && value <= 0x1p53 && value == std::floor(value)) return uint64_t(value);
  throw Error(
      {"a number is not whole or out of range", what, std::to_string(value), "a whole number from 0 to 2^53", ""});
}

uint64_t positive(double value, const char* what) {
  const uint64_t number = whole(value, what);
  if (number > 0) return number;
  throw Error({"a number is out of range", what, "0", "at least 1", ""});
}

uint32_t whole32(double value, const char* what) {
  if (value < 0x1p32) return uint32_t(whole(value, what));
  throw Error({"a number is out of range", what, std::to_string(value), "below 2^32", ""});
}

std::vector<napi_value> elements(napi_env env, napi_value array, const char* what) {
  uint32_t length = 0;
  ensure(napi_get_array_length(env, array, &length), what);
  std::vector<napi_value> items(length);
  for (uint32_t i = 0; i < length; ++i) ensure(napi_get_element(env, array, i, &items[i]), what);
  return items;
}

napi_value make_text(napi_env env, const std::string& value) {
  napi_value result = nullptr;
  napi_create_string_utf8(env, value.data(), value.size(), &result);
  return result;
}

napi_value make_number(napi_env env, double value) {
  napi_value result = nullptr;
  napi_create_double(env, value, &result);
  return result;
}

napi_value make_array(napi_env env, const std::vector<napi_value>& items) {
  napi_value result = nullptr;
  napi_create_array_with_length(env, items.size(), &result);
  for (uint32_t i = 0; i < items.size(); ++i) napi_set_element(env, result, i, items[i]);
  return result;
}

void set(napi_env env, napi_value object, const char* key, napi_value value) {
  napi_set_named_property(env, object, key, value);
}

napi_value make_error(napi_env env, const Report& report) {
  napi_value parts = nullptr, error = nullptr;
  napi_create_object(env, &parts);
  const auto add = [&](const char* key, const std::string& value) {
    if (!value.empty()) set(env, parts, key, make_text(env, value));
  };
  add("what", report.what);
  add("where", report.where);
  add("got", report.got);
  add("expected", report.expected);
  add("next", report.next);
  napi_create_error(env, nullptr, make_text(env, report.what), &error);
  set(env, error, "report", parts);
  return error;
}

Report current_report() {
  try {
    throw;
  } catch (const Error& error) {
    return error.report();
  } catch (const std::bad_alloc&) {
    return {"out of memory", "native core", "", "", "Use a smaller batch, or a machine with more memory."};
  } catch (const std::exception& error) {
    return {error.what(), "native core", "", "", ""};
  }
}

}  // namespace pairloom::binding
