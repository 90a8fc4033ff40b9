// JavaScript handles for translations from ids to rows.
#pragma once

#include <memory>

#include "binding/values.h"
#include "runtime/translation.h"

namespace pairloom::binding {

// The translation of a handle. Throws Error for any other value.
std::shared_ptr<Translation> translation_of(napi_env env, napi_value handle);

napi_value make_permutation(napi_env env, napi_callback_info info);     // (rows: BigInt64Array) => handle
napi_value make_first_come(napi_env env, napi_callback_info info);      // (rows) => handle
napi_value make_quotient(napi_env env, napi_callback_info info);        // (by, rows) => handle
napi_value make_remainder(napi_env env, napi_callback_info info);       // (by, rows) => handle
napi_value translate_ids(napi_env env, napi_callback_info info);        // (handle, ids: BigInt64Array) => rows
napi_value translation_state(napi_env env, napi_callback_info info);    // (handle) => BigInt64Array
napi_value restore_translation(napi_env env, napi_callback_info info);  // (handle, state: BigInt64Array)

// Dynamic tables. Settings are Float64Arrays, in the order of src/backends/native/dynamic-table.ts.
napi_value make_dynamic(napi_env env, napi_callback_info info);      // (settings) => handle
napi_value attach_memory(napi_env env, napi_callback_info info);     // (handle, parameter, settings)
napi_value insert_keys(napi_env env, napi_callback_info info);       // (handle, keys: BigInt64Array) => rows
napi_value erase_keys(napi_env env, napi_callback_info info);        // (handle, keys: BigInt64Array)
napi_value list_keys(napi_env env, napi_callback_info info);         // (handle) => [keys, rows, scores]
napi_value save_keys(napi_env env, napi_callback_info info);         // (handle) => [state, rows]
napi_value table_statistics(napi_env env, napi_callback_info info);  // (handle) => Float64Array

}  // namespace pairloom::binding
