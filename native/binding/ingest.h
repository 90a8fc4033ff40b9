// Functions on columns of DuckDB chunks. Vectors are externals from DuckDB's bindings and are read in place. The caller
// must ensure that they have the type that the function reads and at least the given number of rows, and that their
// chunk is alive.
#pragma once

#include "binding/values.h"

namespace pairloom::binding {

// (path of DuckDB's library) => true if it is loaded; the functions below throw before that
napi_value use_duckdb(napi_env env, napi_callback_info info);
// (vector, rows, size, missing, ids, offset, stride, codes of 64-bit ids) => number of rows without an id
napi_value hash_texts(napi_env env, napi_callback_info info);
// (vector, rows, missing, ids, offset, stride, codes) => number of rows without a key
napi_value keys_of_texts(napi_env env, napi_callback_info info);
// (vector, rows, slots, starts, bytes, unknown, missing, ids, offset, stride) => number of negative ids
napi_value look_up_texts(napi_env env, napi_callback_info info);
// (vector, rows, values, present) => number of NaN values
napi_value parse_numbers(napi_env env, napi_callback_info info);
// (values, present, rows, kind, shift, scale, missing, results, offset, stride) => number of NaN results; `values` is a
// vector, or those of parse_numbers with their mask
napi_value encode_numbers(napi_env env, napi_callback_info info);

}  // namespace pairloom::binding
