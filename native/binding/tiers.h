// JavaScript handles for tables that memory does not hold as a whole.
#pragma once

#include "binding/values.h"

namespace pairloom::binding {

// Settings: rows, bytes of memory, 1 for rows of keys or 0, then for each column the code of its dtype and its width.
napi_value make_tier(napi_env env, napi_callback_info info);        // (directory, settings) => handle
napi_value tier_parameter(napi_env env, napi_callback_info info);   // (handle, column) => parameter
napi_value put_in_tier(napi_env env, napi_callback_info info);      // (handle, translation)
napi_value touched_rows(napi_env env, napi_callback_info info);     // (handle) => BigUint64Array
napi_value tier_statistics(napi_env env, napi_callback_info info);  // (handle) => Float64Array

// Settings: rows of the table, then for each column its width, the code of its initial values with their two numbers, seed
// and stream.
napi_value put_in_stored_rows(napi_env env, napi_callback_info info);  // (translation, stored, parameters, settings)

}  // namespace pairloom::binding
