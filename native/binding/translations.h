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
napi_value translate_ids(napi_env env, napi_callback_info info);        // (handle, ids) => rows, BigInt64Arrays
napi_value translation_state(napi_env env, napi_callback_info info);    // (handle) => BigInt64Array
napi_value restore_translation(napi_env env, napi_callback_info info);  // (handle, state: BigInt64Array)

}  // namespace pairloom::binding
