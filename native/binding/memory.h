// JavaScript access to memory: handles for parameters, ArrayBuffers for mapped files.
#pragma once

#include <memory>
#include <optional>

#include "binding/values.h"
#include "cpu/parameter_store.h"

namespace pairloom::binding {

napi_value make_parameter(napi_env env, std::shared_ptr<ParameterStore> store);
// The parameter of a handle. Throws Error for any other value.
std::shared_ptr<ParameterStore> parameter_of(napi_env env, napi_value handle);
// The rows of a rank: rows of the table, first rank, owners, turn, columns, rank, first slots of shares; or undefined.
std::optional<Shard> shard_of(napi_env env, napi_value value);

napi_value allocate_parameter(napi_env env, napi_callback_info info);  // (elements, dtype) => handle
napi_value map_parameter(napi_env env, napi_callback_info info);   // (elements, dtype, path, offset, in file) => handle
napi_value read_parameter(napi_env env, napi_callback_info info);  // (handle, from, into)
napi_value write_parameter(napi_env env, napi_callback_info info);   // (handle, from, values)
napi_value gather_parameter(napi_env env, napi_callback_info info);  // (handle, rows, width, from, into)
napi_value scatter_parameter(napi_env env, napi_callback_info info);  // (handle, rows, width, values)
napi_value track_changes(napi_env env, napi_callback_info info);     // (handle, width)
napi_value read_changes(napi_env env, napi_callback_info info);      // (handle, from, into)
napi_value clear_changes(napi_env env, napi_callback_info info);     // (handle, consumer)
napi_value copy_parameter(napi_env env, napi_callback_info info);    // (to, from)
napi_value fill_parameter(napi_env env, napi_callback_info info);    // (handle, kind, a, b, seed, stream)

napi_value map_file(napi_env env, napi_callback_info info);  // (path) => ArrayBuffer

}  // namespace pairloom::binding
