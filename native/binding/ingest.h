// Columns of a chunk of DuckDB. Vectors are the externals that DuckDB's bindings give: what they point to is read where
// it is. The caller sees to it that they are vectors of the type that the function reads, of at least so many rows, and
// that their chunk is alive.
#pragma once

#include "binding/values.h"

namespace pairloom::binding {

// (path of DuckDB's library) => whether it is loaded; the functions below throw before it once was
napi_value use_duckdb(napi_env env, napi_callback_info info);
// (vector, rows, size, missing, ids, offset, stride) => how many ids are negative
napi_value hash_texts(napi_env env, napi_callback_info info);
// (vector, rows, slots, starts, bytes, unknown, missing, ids, offset, stride) => how many ids are negative
napi_value look_up_texts(napi_env env, napi_callback_info info);
// (vector, rows, kind, shift, scale, missing, results, offset, stride) => how many results are NaN
napi_value encode_numbers(napi_env env, napi_callback_info info);

}  // namespace pairloom::binding
