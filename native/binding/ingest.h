// Columns of a database chunk as JavaScript holds them.
#pragma once

#include "binding/values.h"

namespace pairloom::binding {

// (entries, validity, rows, size, missing, ids, offset, stride) => how many ids are negative
napi_value hash_texts(napi_env env, napi_callback_info info);
// (entries, validity, rows, slots, starts, bytes, unknown, missing, ids, offset, stride) => how many ids are negative
napi_value look_up_texts(napi_env env, napi_callback_info info);
// (values, validity, rows, kind, shift, scale, missing, results, offset, stride) => how many results are NaN
napi_value encode_numbers(napi_env env, napi_callback_info info);

}  // namespace pairloom::binding
