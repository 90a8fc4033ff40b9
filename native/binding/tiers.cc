#include "binding/tiers.h"

#include "binding/handle.h"
#include "binding/memory.h"
#include "binding/translations.h"
#include "cpu/tiers/tier.h"

namespace pairloom::binding {
namespace {

constexpr HandleKind kTier = {{0x7061697230756c6f, 0x6f6d2d7469657273}, "tier"};
constexpr DType kDTypes[] = {DType::kFp32, DType::kFp16, DType::kBf16};
constexpr size_t kFirstColumn = 2;  // among the settings

using Handle = std::shared_ptr<Tier>;

Handle tier_of(napi_env env, napi_value value) { return value_of<Handle>(env, kTier, value); }

[[noreturn]] void refuse_settings(const std::string& got) {
  throw Error({"a number of a table in a file is out of range", "settings", got, "", ""});
}

TierSpec read_spec(std::string directory, std::span<const double> numbers) {
  if (numbers.size() < kFirstColumn + 2 || numbers.size() % 2 != 0) refuse_settings(std::to_string(numbers.size()));
  TierSpec spec{std::move(directory), whole(numbers[0], "rows"), whole(numbers[1], "memory"), {}};
  for (size_t i = kFirstColumn; i < numbers.size(); i += 2) {
    const uint64_t dtype = whole(numbers[i], "dtype"), width = whole(numbers[i + 1], "width");
    if (dtype >= std::size(kDTypes) || width == 0) refuse_settings(std::to_string(dtype) + ", " + std::to_string(width));
    spec.columns.push_back({kDTypes[dtype], width});
  }
  if (spec.rows == 0) refuse_settings("0 rows");
  return spec;
}

}  // namespace

napi_value make_tier(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    const Arguments<2> a(env, info);
    TierSpec spec = read_spec(text(env, a[0], "directory"), doubles(env, a[1], "settings"));
    return make_handle<Handle>(env, kTier, std::make_shared<Tier>(std::move(spec)));
  });
}

napi_value tier_parameter(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    const Arguments<2> a(env, info);
    const Handle tier = tier_of(env, a[0]);
    const uint64_t column = whole(number(env, a[1], "column"), "column");
    if (column >= tier->spec().columns.size()) refuse_settings("column " + std::to_string(column));
    return make_parameter(env, std::make_shared<ParameterStore>(tier, column));
  });
}

napi_value put_in_tier(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    const Arguments<2> a(env, info);
    translation_of(env, a[1])->put_in(tier_of(env, a[0]));
  });
}

napi_value tier_statistics(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    const Tier::Statistics s = tier_of(env, Arguments<1>(env, info)[0])->statistics();
    const uint64_t numbers[] = {s.frames, s.lookups, s.hits, s.prefetched, s.reads, s.writes, s.record_bytes, s.allocated};
    return make_doubles(env, std::size(numbers), [&](size_t i) { return numbers[i]; });
  });
}

}  // namespace pairloom::binding
