#include "binding/request.h"

namespace pairloom::binding {
namespace {

constexpr size_t kLayoutNumbers = 4, kSettings = 10;

// A column kind's number is its index here.
struct ColumnKind {
  DType dtype;
  bool weighted;
};
constexpr ColumnKind kColumnKinds[] = {{DType::kFp32, false}, {DType::kId, false},   {DType::kBag, false},
                                       {DType::kBag, true},   {DType::kId64, false}, {DType::kBag64, false},
                                       {DType::kBag64, true}};

napi_typedarray_type array_type(DType dtype) {
  return dtype == DType::kFp32 ? napi_float32_array : is_wide(dtype) ? napi_bigint64_array : napi_int32_array;
}

const TypedArray& pick(const std::vector<TypedArray>& arrays, double index, napi_typedarray_type type) {
  const uint64_t at = whole(index, "columns");
  if (at < arrays.size() && arrays[at].type == type) return arrays[at];
  throw Error({"a column's array is of the wrong type", "columns[" + std::to_string(at) + "]", "",
               "Float32Array for f32, Int32Array or BigInt64Array for ids, BigUint64Array for offsets", ""});
}

Column read_column(const double* layout, const std::vector<TypedArray>& arrays) {
  const uint64_t kind = whole(layout[0], "columns");
  if (kind >= std::size(kColumnKinds)) {
    throw Error({"unknown kind of column", "columns", std::to_string(kind), "0 to 6", ""});
  }
  const auto [dtype, weighted] = kColumnKinds[kind];
  const TypedArray& data = pick(arrays, layout[1], array_type(dtype));
  if (!is_bag(dtype)) {
    return {dtype, data.data, data.length, whole(layout[2], "offset"), whole(layout[3], "stride"), nullptr, 0};
  }
  const TypedArray& offsets = pick(arrays, layout[2], napi_biguint64_array);
  Column bags = {dtype, data.data, data.length, 0, 0, static_cast<const uint64_t*>(offsets.data), offsets.length};
  if (!weighted) return bags;
  const TypedArray& weights = pick(arrays, layout[3], napi_float32_array);
  bags.weights = static_cast<const float*>(weights.data);
  bags.weights_length = weights.length;
  return bags;
}

std::vector<Column> read_columns(napi_env env, const RequestValues& values) {
  std::vector<TypedArray> arrays;
  for (napi_value array : elements(env, values.arrays, "columns")) arrays.push_back(typed_array(env, array, "columns"));
  const std::span<const double> layout = doubles(env, values.layout, "columns");
  std::vector<Column> columns;
  for (size_t at = 0; at + kLayoutNumbers <= layout.size(); at += kLayoutNumbers) {
    columns.push_back(read_column(layout.data() + at, arrays));
  }
  return columns;
}

std::vector<std::span<float>> read_outputs(napi_env env, napi_value value) {
  std::vector<std::span<float>> outputs;
  for (napi_value output : elements(env, value, "outputs")) {
    napi_valuetype type;
    ensure(napi_typeof(env, output, &type), "outputs");
    outputs.push_back(type == napi_null ? std::span<float>() : floats(env, output, "outputs"));
  }
  return outputs;
}

}  // namespace

Request read_request(napi_env env, const RequestValues& values) {
  const std::span<const double> s = doubles(env, values.settings, "settings");
  if (s.size() != kSettings) throw Error({"a wrong number of settings", "run", std::to_string(s.size()), "10", ""});
  return {.columns = read_columns(env, values),
          .rows = whole(s[0], "rows"),
          .start = whole(s[1], "start"),
          .count = whole(s[2], "count"),
          .batch = whole32(s[3], "batch"),
          .shuffled = s[4] != 0,
          .shuffle_seed = whole(s[5], "shuffle.seed"),
          .epoch = whole(s[6], "shuffle.epoch"),
          .seed = whole(s[7], "seed"),
          .first_step = whole(s[8], "firstStep"),
          .scalars = floats(env, values.scalars, "scalars"),
          .outputs = read_outputs(env, values.outputs),
          .parameters_changed = s[9] != 0};
}

}  // namespace pairloom::binding
