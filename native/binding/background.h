// Work that may wait for other ranks.
#pragma once

#include <functional>

#include "binding/values.h"

namespace pairloom::binding {

// Makes the result in JavaScript of finished work, on Node's thread.
using Result = std::function<napi_value(napi_env)>;

// Does `work` on a thread of its own: ranks that wait for each other in one process may be more than the threads of
// libuv's pool. Returns a promise of its result, which rejects with what it throws; `kept` stays alive meanwhile.
napi_value in_background(napi_env env, napi_value kept, std::function<Result()> work);

}  // namespace pairloom::binding
