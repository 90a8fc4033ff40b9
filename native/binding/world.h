// JavaScript handles for the ranks that train one model together.
#pragma once

#include <memory>

#include "binding/values.h"
#include "distributed/communicator.h"

namespace pairloom::binding {

// The communicator of a handle. Throws Error for any other value.
std::shared_ptr<Communicator> communicator_of(napi_env env, napi_value handle);

napi_value open_world(napi_env env, napi_callback_info info);  // (libraries, patience) => Promise<{ handle, version }>
napi_value finish_world(napi_env env, napi_callback_info info);     // (handle) => Promise
napi_value local_worlds(napi_env env, napi_callback_info info);     // (ranks) => handles
napi_value world_place(napi_env env, napi_callback_info info);      // (handle) => [rank, size]
napi_value world_gather(napi_env env, napi_callback_info info);     // (handle, bytes) => Promise<Uint8Array[]>
napi_value world_broadcast(napi_env env, napi_callback_info info);  // (handle, bytes, root) => Promise<Uint8Array>
napi_value world_abort(napi_env env, napi_callback_info info);      // (handle, reason, code)
napi_value world_measure(napi_env env, napi_callback_info info);    // (handle, bytes, repeats) => Promise<seconds>
napi_value world_traffic(napi_env env, napi_callback_info info);    // (handle) => { name, calls, bytes, nanoseconds }[]

}  // namespace pairloom::binding
