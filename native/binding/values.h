// Converts JavaScript values to C++. Every function throws Error for a value of the wrong type. Callbacks are wrapped
// in `guarded`, so that no exception reaches Node.
#pragma once

#include <node_api.h>

#include <cstdint>
#include <new>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "program/error.h"

namespace pairloom::binding {

struct TypedArray {
  napi_typedarray_type type;
  void* data;
  size_t length;  // elements
};

// Throws Error if a Node-API call failed; `what` names the argument.
void ensure(napi_status status, const char* what);

TypedArray typed_array(napi_env env, napi_value value, const char* what);
// Throws Error for an array of another type.
TypedArray typed_array(napi_env env, napi_value value, napi_typedarray_type type, const char* what);
std::span<float> floats(napi_env env, napi_value value, const char* what);
std::span<const double> doubles(napi_env env, napi_value value, const char* what);
std::string text(napi_env env, napi_value value, const char* what);
double number(napi_env env, napi_value value, const char* what);
// A whole number from 0 to 2^53.
uint64_t whole(double value, const char* what);
uint64_t positive(double value, const char* what);  // at least 1
uint32_t whole32(double value, const char* what);
std::vector<napi_value> elements(napi_env env, napi_value array, const char* what);

// The elements of a typed array of the type that is `Element`'s.
template <class Element>
std::span<Element> array_of(napi_env env, napi_value value, napi_typedarray_type type, const char* what) {
  const TypedArray array = typed_array(env, value, type, what);
  return {static_cast<Element*>(array.data), array.length};
}

napi_value make_text(napi_env env, const std::string& value);
napi_value make_number(napi_env env, double value);
napi_value make_array(napi_env env, const std::vector<napi_value>& items);
void set(napi_env env, napi_value object, const char* key, napi_value value);
// A JavaScript Error with a `report` property: what, where, got, expected, next (those that are not empty).
napi_value make_error(napi_env env, const Report& report);

// The report of the current exception. Call in a catch block only.
Report current_report();

// Returns what `work` does, or undefined if it returns nothing.
template <class Work>
napi_value guarded(napi_env env, Work&& work) {
  Report report;
  try {
    if constexpr (!std::is_void_v<decltype(work())>) return work();
    work();
    return nullptr;
  } catch (...) {
    report = current_report();
  }
  napi_throw(env, make_error(env, report));
  return nullptr;
}

// The arguments of a call; missing ones are undefined.
template <size_t Count>
struct Arguments {
  napi_value values[Count];
  Arguments(napi_env env, napi_callback_info info) {
    size_t count = Count;
    napi_get_cb_info(env, info, &count, values, nullptr, nullptr);
  }
  napi_value operator[](size_t index) const { return values[index]; }
};

// An array of `count` 8-byte numbers `number(i)`.
template <class Element, class Number>
napi_value make_numbers(napi_env env, napi_typedarray_type type, size_t count, const Number& number) {
  napi_value buffer = nullptr, array = nullptr;
  void* data = nullptr;
  ensure(napi_create_arraybuffer(env, count * sizeof(Element), &data, &buffer), "numbers");
  for (size_t i = 0; i < count; ++i) static_cast<Element*>(data)[i] = Element(number(i));
  ensure(napi_create_typedarray(env, type, count, buffer, 0, &array), "numbers");
  return array;
}

template <class Number>
napi_value make_integers(napi_env env, size_t count, const Number& number) {
  return make_numbers<int64_t>(env, napi_bigint64_array, count, number);
}
template <class Number>
napi_value make_doubles(napi_env env, size_t count, const Number& number) {
  return make_numbers<double>(env, napi_float64_array, count, number);
}

}  // namespace pairloom::binding
