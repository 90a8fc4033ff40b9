#include "binding/tiers.h"

#include "binding/handle.h"
#include "binding/memory.h"
#include "binding/translations.h"
#include "cpu/tiers/stored_rows.h"
#include "cpu/tiers/tier.h"

namespace pairloom::binding {
namespace {

constexpr HandleKind kTier = {{0x7061697230756c6f, 0x6f6d2d7469657273}, "tier"};
constexpr DType kDTypes[] = {DType::kFp32, DType::kFp16, DType::kBf16};
constexpr size_t kFirstColumn = 3, kOfColumn = 6;  // among the settings

using Handle = std::shared_ptr<Tier>;

Handle tier_of(napi_env env, napi_value value) { return value_of<Handle>(env, kTier, value); }

[[noreturn]] void refuse_settings(const std::string& got) {
  throw Error({"a number of a table in a file is out of range", "settings", got, "", ""});
}

TierSpec read_spec(std::string directory, std::span<const double> numbers) {
  if (numbers.size() < kFirstColumn + 2 || (numbers.size() - kFirstColumn) % 2 != 0) refuse_settings(std::to_string(numbers.size()));
  TierSpec spec{std::move(directory), whole(numbers[0], "rows"), whole(numbers[1], "memory"), {}, numbers[2] == 1};
  for (size_t i = kFirstColumn; i < numbers.size(); i += 2) {
    const uint64_t dtype = whole(numbers[i], "dtype"), width = whole(numbers[i + 1], "width");
    if (dtype >= std::size(kDTypes) || width == 0) refuse_settings(std::to_string(dtype) + ", " + std::to_string(width));
    spec.columns.push_back({kDTypes[dtype], width});
  }
  if (spec.rows == 0) refuse_settings("0 rows");
  return spec;
}

StoredRows::Column read_column(std::shared_ptr<ParameterStore> store, std::span<const double> numbers) {
  const uint64_t kind = whole(numbers[1], "kind");
  if (numbers[0] < 1 || kind > uint64_t(FillKind::kNormal)) refuse_settings("column of kind " + std::to_string(kind));
  const Fill init{FillKind(kind), numbers[2], numbers[3], whole(numbers[4], "seed"), whole32(numbers[5], "stream")};
  return {std::move(store), whole(numbers[0], "width"), init};
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
    const Handle tier = tier_of(env, a[0]);
    const auto translation = translation_of(env, a[1]);
    if (tier->spec().keyed != (translation->names() != nullptr)) refuse_settings("keys of another kind of table");
    if (translation->names() != nullptr) tier->name_rows(*translation->names());
    translation->put_in(tier);
  });
}

napi_value touched_rows(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    const std::vector<uint64_t> rows = tier_of(env, Arguments<1>(env, info)[0])->touched();
    return make_numbers<uint64_t>(env, napi_biguint64_array, rows.size(), [&](size_t i) { return rows[i]; });
  });
}

napi_value put_in_stored_rows(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    const Arguments<4> a(env, info);
    const auto stored = array_of<const uint64_t>(env, a[1], napi_biguint64_array, "stored");
    const std::vector<napi_value> parameters = elements(env, a[2], "parameters");
    const std::span<const double> settings = doubles(env, a[3], "settings");
    if (settings.size() != 1 + kOfColumn * parameters.size()) refuse_settings(std::to_string(settings.size()));
    std::vector<StoredRows::Column> columns;
    for (size_t i = 0; i < parameters.size(); ++i) {
      columns.push_back(read_column(parameter_of(env, parameters[i]), settings.subspan(1 + i * kOfColumn, kOfColumn)));
    }
    const auto rows = std::make_shared<StoredRows>(whole(settings[0], "rows"), stored, std::move(columns));
    translation_of(env, a[0])->put_in(rows);
  });
}

napi_value tier_statistics(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    const Tier::Statistics s = tier_of(env, Arguments<1>(env, info)[0])->statistics();
    const uint64_t numbers[] = {s.frames, s.lookups, s.hits, s.prefetched, s.reads, s.writes,
                                s.bytes_read, s.bytes_written, s.record_bytes, s.allocated};
    return make_doubles(env, std::size(numbers), [&](size_t i) { return numbers[i]; });
  });
}

}  // namespace pairloom::binding
