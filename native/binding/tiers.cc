#include "binding/tiers.h"

#include "binding/handle.h"
#include "binding/memory.h"
#include "binding/settings.h"
#include "binding/translations.h"
#include "cpu/tiers/stored_rows.h"
#include "cpu/tiers/tier.h"

namespace pairloom::binding {
namespace {

constexpr HandleKind kTier = {{0x7061697230756c6f, 0x6f6d2d7469657273}, "tier"};
constexpr DType kDTypes[] = {DType::kFp32, DType::kFp16, DType::kBf16};

using Handle = std::shared_ptr<Tier>;

Handle tier_of(napi_env env, napi_value value) { return value_of<Handle>(env, kTier, value); }

[[noreturn]] void refuse_settings(const std::string& got) {
  throw Error({"a number of a table in a file is out of range", "settings", got, "", ""});
}

TierSpec read_spec(std::string directory, Settings s) {
  TierSpec spec{.directory = std::move(directory), .rows = positive(s.number(), "rows"), .memory = s.count(), .columns = {}};
  spec.keyed = s.count() == 1;
  do {
    const uint64_t dtype = s.count();
    if (dtype >= std::size(kDTypes)) refuse_settings("dtype " + std::to_string(dtype));
    spec.columns.push_back({kDTypes[dtype], read_columns(s)});
  } while (!s.ended());
  return spec;
}

StoredRows::Column read_column(std::shared_ptr<ParameterStore> store, Settings& s) {
  StoredRows::Column column{std::move(store), positive(s.number(), "width"), read_fill(s), {}};
  read_draws(s, column.init);
  Quantized& as = column.as = {s.count(), s.count(), column.width};
  const bool is_sound = (as.bits == 4 || as.bits == 8) && as.fits() && column.store->dtype() == DType::kFp32;
  if (as.bits != 0 && !is_sound) refuse_settings("quantized rows of " + std::to_string(column.width) + " words");
  return column;
}

}  // namespace

napi_value make_tier(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    const Arguments<3> a(env, info);
    TierSpec spec = read_spec(text(env, a[0], "directory"), Settings(env, a[1]));
    spec.shard = shard_of(env, a[2]);
    if (spec.shard && spec.shard->rows() != spec.rows) refuse_settings("other rows than the rank has");
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
    Settings s(env, a[3]);
    const uint64_t table_rows = s.count();
    std::vector<StoredRows::Column> columns;
    for (const napi_value parameter : parameters) columns.push_back(read_column(parameter_of(env, parameter), s));
    if (!s.ended()) refuse_settings("more numbers than the columns have");
    const auto rows = std::make_shared<StoredRows>(table_rows, stored, std::move(columns));
    translation_of(env, a[0])->put_in(rows);
  });
}

napi_value tier_statistics(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    const Tier::Statistics s = tier_of(env, Arguments<1>(env, info)[0])->statistics();
    const uint64_t numbers[] = {s.frames, s.lookups, s.hits, s.prefetched, s.disk.reads, s.disk.writes,
                                s.disk.bytes_read, s.disk.bytes_written, s.record_bytes, s.disk.allocated};
    return make_doubles(env, std::size(numbers), [&](size_t i) { return numbers[i]; });
  });
}

}  // namespace pairloom::binding
