// What Node sees of the native core. The typed face of these functions is src/backends/native/addon.ts.
#include <algorithm>
#include <thread>

#include "cpu/ceilings.h"
#include "binding/executable.h"
#include "binding/ingest.h"
#include "binding/memory.h"
#include "cpu/kernels/dispatch.h"
#include "cpu/tables/fill.h"

namespace pairloom::binding {
namespace {

// () => string[], the fastest first
napi_value isas(napi_env env, napi_callback_info) {
  return guarded(env, [&] {
    std::vector<napi_value> names;
    for (const char* name : available_isas()) names.push_back(make_text(env, name));
    return make_array(env, names);
  });
}

// () => string
napi_value isa(napi_env env, napi_callback_info) {
  return guarded(env, [&] { return make_text(env, kernels().isa); });
}

// (name) => void
napi_value select(napi_env env, napi_callback_info info) {
  return guarded(env, [&]() -> napi_value {
    const std::string name = text(env, Arguments<1>(env, info)[0], "name");
    if (select_isa(name.c_str())) return nullptr;
    std::string offered;
    for (const char* known : available_isas()) offered += (offered.empty() ? "" : ", ") + std::string(known);
    throw Error({"this machine lacks an instruction set", "selectIsa", name, offered, ""});
  });
}

// (values, dtype, kind, a, b, seed, stream) => void
napi_value fill_values(napi_env env, napi_callback_info info) {
  return guarded(env, [&]() -> napi_value {
    const Arguments<7> a(env, info);
    const std::string dtype = text(env, a[1], "dtype"), kind = text(env, a[2], "kind");
    static constexpr const char* kKinds[] = {"constant", "uniform", "normal"};
    const auto found = std::find(std::begin(kKinds), std::end(kKinds), kind);
    if (found == std::end(kKinds)) {
      throw Error({"unknown kind of initial values", "fill", kind, "constant, uniform or normal", ""});
    }
    const Fill spec{FillKind(uint32_t(found - kKinds)), number(env, a[3], "a"), number(env, a[4], "b"),
                    whole(number(env, a[5], "seed"), "seed"), whole32(number(env, a[6], "stream"), "stream")};
    const uint32_t threads = std::max(1u, std::thread::hardware_concurrency());
    if (dtype == "f32") {
      fill(floats(env, a[0], "values"), spec, threads);
      return nullptr;
    }
    const TableFormat format = dtype == "f16" ? TableFormat::kFloat16 : TableFormat::kBfloat16;
    fill(halves(env, a[0], "values"), format, spec, threads);
    return nullptr;
  });
}

// (threads) => { flops, bf16Flops, memoryBytes, cacheBytes }, each a second
napi_value ceilings(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    const uint32_t threads = whole32(number(env, Arguments<1>(env, info)[0], "threads"), "threads");
    const Ceilings measured = measure_ceilings(std::max(1u, threads));
    napi_value result = nullptr;
    napi_create_object(env, &result);
    set(env, result, "flops", make_number(env, measured.flops));
    set(env, result, "bf16Flops", make_number(env, measured.bf16_flops));
    set(env, result, "memoryBytes", make_number(env, measured.memory_bytes));
    set(env, result, "cacheBytes", make_number(env, measured.cache_bytes));
    return result;
  });
}

napi_value init(napi_env env, napi_value exports) {
  const napi_property_descriptor functions[] = {
#define FUNCTION(name, callback) {name, nullptr, callback, nullptr, nullptr, nullptr, napi_enumerable, nullptr}
      FUNCTION("isas", isas),
      FUNCTION("isa", isa),
      FUNCTION("selectIsa", select),
      FUNCTION("fill", fill_values),
      FUNCTION("allocate", allocate),
      FUNCTION("mapFile", map_file),
      FUNCTION("useDuckdb", use_duckdb),
      FUNCTION("hashTexts", hash_texts),
      FUNCTION("lookUpTexts", look_up_texts),
      FUNCTION("encodeNumbers", encode_numbers),
      FUNCTION("compile", compile),
      FUNCTION("run", run),
      FUNCTION("runSync", run_sync),
      FUNCTION("cancel", cancel),
      FUNCTION("enableProfile", enable_profile),
      FUNCTION("profile", profile),
      FUNCTION("ceilings", ceilings),
#undef FUNCTION
  };
  napi_define_properties(env, exports, std::size(functions), functions);
  return exports;
}

}  // namespace
}  // namespace pairloom::binding

NAPI_MODULE(pairloom, pairloom::binding::init)
