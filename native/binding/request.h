// The flat form in which src/native/addon.ts passes a request: few values, so that a request for one row is cheap.
//   arrays    the typed arrays that columns use
//   layout    Float64Array, 4 per column: kind (0 fp32, 1 id, 2 bag, 3 weighted bag), index in arrays, then offset
//             and stride, or for a bag the index of its offsets and that of its weights (0 without)
//   settings  Float64Array: rows, start, count, batch, shuffled, shuffle seed, epoch, seed, first step,
//             parameters changed
//   scalars   Float32Array, steps x scalars        outputs   (Float32Array | null)[]
#pragma once

#include "binding/values.h"
#include "runtime/request.h"

namespace pairloom::binding {

struct RequestValues {
  napi_value arrays, layout, settings, scalars, outputs;
};

// The request points into the arrays: keep them alive while it runs.
Request read_request(napi_env env, const RequestValues& values);

}  // namespace pairloom::binding
