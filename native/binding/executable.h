// JavaScript handles for executors.
#pragma once

#include "binding/values.h"

namespace pairloom::binding {

napi_value compile(napi_env env, napi_callback_info info);         // (program, parameters, threads) => description
napi_value run(napi_env env, napi_callback_info info);             // (handle, ...request) => Promise<steps>
napi_value run_sync(napi_env env, napi_callback_info info);        // (handle, ...request) => steps
napi_value cancel(napi_env env, napi_callback_info info);          // (handle)
napi_value enable_profile(napi_env env, napi_callback_info info);  // (handle, on)
napi_value profile(napi_env env, napi_callback_info info);         // (handle) => Float64Array

}  // namespace pairloom::binding
