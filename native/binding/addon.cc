// The functions of the native core that Node sees. src/native/addon.ts is their typed wrapper.
#include <algorithm>
#include <thread>

#include "cpu/ceilings.h"
#include "binding/executable.h"
#include "binding/ingest.h"
#include "binding/memory.h"
#include "binding/tiers.h"
#include "binding/translations.h"
#include "binding/world.h"
#include "cpu/kernels/dispatch.h"

namespace pairloom::binding {
namespace {

// () => string[], fastest first
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

// (threads) => { flops, bf16Flops, memoryBytes, cacheBytes }, each per second
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

// (dim, threads) => { readBytes, updateBytes }, each per second
napi_value row_rates(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    const Arguments<2> a(env, info);
    const uint32_t dim = whole32(number(env, a[0], "dim"), "dim"),
                   threads = whole32(number(env, a[1], "threads"), "threads");
    const RowRates measured = measure_row_rates(std::clamp(dim, 1u, 4096u), std::max(1u, threads));
    napi_value result = nullptr;
    napi_create_object(env, &result);
    set(env, result, "readBytes", make_number(env, measured.read_bytes));
    set(env, result, "updateBytes", make_number(env, measured.update_bytes));
    return result;
  });
}

const napi_property_descriptor kFunctions[] = {
#define FUNCTION(name, callback) {name, nullptr, callback, nullptr, nullptr, nullptr, napi_enumerable, nullptr}
    FUNCTION("isas", isas),
    FUNCTION("isa", isa),
    FUNCTION("selectIsa", select),
    FUNCTION("allocateParameter", allocate_parameter),
    FUNCTION("mapParameter", map_parameter),
    FUNCTION("readParameter", read_parameter),
    FUNCTION("gatherParameter", gather_parameter),
    FUNCTION("scatterParameter", scatter_parameter),
    FUNCTION("trackChanges", track_changes),
    FUNCTION("readChanges", read_changes),
    FUNCTION("clearChanges", clear_changes),
    FUNCTION("writeParameter", write_parameter),
    FUNCTION("copyParameter", copy_parameter),
    FUNCTION("fillParameter", fill_parameter),
    FUNCTION("mapFile", map_file),
    FUNCTION("useDuckdb", use_duckdb),
    FUNCTION("hashTexts", hash_texts),
    FUNCTION("keysOfTexts", keys_of_texts),
    FUNCTION("lookUpTexts", look_up_texts),
    FUNCTION("parseNumbers", parse_numbers),
    FUNCTION("encodeNumbers", encode_numbers),
    FUNCTION("makePermutation", make_permutation),
    FUNCTION("makeFirstCome", make_first_come),
    FUNCTION("makeTier", make_tier),
    FUNCTION("tierParameter", tier_parameter),
    FUNCTION("putInTier", put_in_tier),
    FUNCTION("tierStatistics", tier_statistics),
    FUNCTION("touchedRows", touched_rows),
    FUNCTION("putInStoredRows", put_in_stored_rows),
    FUNCTION("makeQuotient", make_quotient),
    FUNCTION("makeRemainder", make_remainder),
    FUNCTION("makeDynamic", make_dynamic),
    FUNCTION("attachMemory", attach_memory),
    FUNCTION("insertKeys", insert_keys),
    FUNCTION("eraseKeys", erase_keys),
    FUNCTION("listKeys", list_keys),
    FUNCTION("saveKeys", save_keys),
    FUNCTION("tableStatistics", table_statistics),
    FUNCTION("translateIds", translate_ids),
    FUNCTION("translationState", translation_state),
    FUNCTION("restoreTranslation", restore_translation),
    FUNCTION("openWorld", open_world),
    FUNCTION("finishWorld", finish_world),
    FUNCTION("localWorlds", local_worlds),
    FUNCTION("worldPlace", world_place),
    FUNCTION("worldGather", world_gather),
    FUNCTION("worldBroadcast", world_broadcast),
    FUNCTION("worldAbort", world_abort),
    FUNCTION("worldMeasure", world_measure),
    FUNCTION("worldTraffic", world_traffic),
    FUNCTION("compile", compile),
    FUNCTION("run", run),
    FUNCTION("runSync", run_sync),
    FUNCTION("cancel", cancel),
    FUNCTION("enableProfile", enable_profile),
    FUNCTION("profile", profile),
    FUNCTION("ceilings", ceilings),
    FUNCTION("rowRates", row_rates),
#undef FUNCTION
};

napi_value init(napi_env env, napi_value exports) {
  napi_define_properties(env, exports, std::size(kFunctions), kFunctions);
  return exports;
}

}  // namespace
}  // namespace pairloom::binding

NAPI_MODULE(pairloom, pairloom::binding::init)
