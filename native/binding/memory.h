// Memory that JavaScript sees as ArrayBuffers.
#pragma once

#include "binding/values.h"

namespace pairloom::binding {

napi_value allocate(napi_env env, napi_callback_info info);  // (bytes) => ArrayBuffer
napi_value map_file(napi_env env, napi_callback_info info);  // (path) => ArrayBuffer

}  // namespace pairloom::binding
