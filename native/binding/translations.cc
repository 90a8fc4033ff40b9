#include "binding/translations.h"

#include <algorithm>

#include "binding/handle.h"
#include "binding/memory.h"
#include "binding/settings.h"
#include "cpu/tables/attached_rows.h"
#include "runtime/dynamic/table.h"
#include "runtime/translations.h"

namespace pairloom::binding {
namespace {

constexpr HandleKind kTranslation = {{0x7061697230756c6f, 0x6f6d2d7472616e73}, "translation"};

using Handle = std::shared_ptr<Translation>;

napi_value make_translation(napi_env env, std::unique_ptr<Translation> translation) {
  return make_handle<Handle>(env, kTranslation, std::move(translation));
}

std::span<const int64_t> integers(napi_env env, napi_value value, const char* what) {
  return array_of<const int64_t>(env, value, napi_bigint64_array, what);
}

// The row of each id, as `find(ids, rows)` writes them.
template <class Find>
napi_value make_rows(napi_env env, napi_value value, const char* what, const Find& find) {
  const std::span<const int64_t> given = integers(env, value, what);
  const std::vector<uint64_t> ids(given.begin(), given.end());
  std::vector<uint64_t> rows(ids.size());
  find(ids, rows);
  return make_doubles(env, rows.size(), [&](size_t i) { return rows[i]; });
}

// A translation that two numbers describe.
napi_value make_part(napi_env env, napi_callback_info info,
                     std::unique_ptr<Translation> (*make)(uint64_t by, uint64_t rows)) {
  return guarded(env, [&] {
    const Arguments<2> a(env, info);
    return make_translation(env, make(whole(number(env, a[0], "by"), "by"), whole(number(env, a[1], "rows"), "rows")));
  });
}

DynamicSpec read_spec(napi_env env, napi_value value) {
  Settings s(env, value);
  DynamicSpec spec{.capacity = s.count()};
  spec.grow_from = s.count();
  spec.admit = s.code(Admit::kBloom);
  spec.admit_number = s.number();
  spec.expect = s.count();
  spec.evict = s.code(Evict::kNorm);
  spec.evict_number = s.number();
  spec.every = s.count();
  spec.trains_unknown = s.count() == 1;
  spec.seed = s.count();
  spec.stream = whole32(s.number(), "stream");
  const bool is_rank = s.count() == 1;
  const Slots slots{whole32(s.number(), "first slot"), whole32(s.number(), "slots")};
  if (is_rank) spec.slots = slots;
  if (spec.capacity > 0 && spec.capacity < kMostNarrowRows) return spec;
  throw Error({"a number of a dynamic table is out of range", "capacity", std::to_string(spec.capacity),
               "1 to 2^31 - 1", ""});
}

DynamicTable& table_of(napi_env env, napi_value handle) {
  if (auto* table = dynamic_cast<DynamicTable*>(translation_of(env, handle).get())) return *table;
  throw Error({"the translation is not a dynamic table", "translation", "", "", ""});
}

// Where the memories have a row; -1 where another rank keeps it.
double memory_row(const DynamicTable& table, uint64_t row) {
  const std::optional<uint32_t> place = table.place_of(row);
  return place ? double(*place) : -1.0;
}

}  // namespace

std::shared_ptr<Translation> translation_of(napi_env env, napi_value handle) {
  return value_of<Handle>(env, kTranslation, handle);
}

napi_value make_permutation(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    const std::span<const int64_t> rows = integers(env, Arguments<1>(env, info)[0], "rows");
    return make_translation(env, pairloom::make_permutation({rows.begin(), rows.end()}));
  });
}

napi_value make_first_come(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    return make_translation(env, pairloom::make_first_come(whole(number(env, Arguments<1>(env, info)[0], "rows"), "rows")));
  });
}

napi_value make_quotient(napi_env env, napi_callback_info info) {
  return make_part(env, info, pairloom::make_quotient);
}

napi_value make_remainder(napi_env env, napi_callback_info info) {
  return make_part(env, info, pairloom::make_remainder);
}

napi_value translate_ids(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    const Arguments<2> arguments(env, info);
    const Translation& translation = *translation_of(env, arguments[0]);
    return make_rows(env, arguments[1], "ids",
                     [&](const auto& ids, auto& rows) { translation.translate(ids, rows); });
  });
}

napi_value translation_state(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    const std::vector<int64_t> state = translation_of(env, Arguments<1>(env, info)[0])->state();
    return make_integers(env, state.size(), [&](size_t i) { return state[i]; });
  });
}

napi_value restore_translation(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    const Arguments<2> arguments(env, info);
    translation_of(env, arguments[0])->restore(integers(env, arguments[1], "state"));
  });
}

napi_value make_dynamic(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    return make_translation(env, std::make_unique<DynamicTable>(read_spec(env, Arguments<1>(env, info)[0])));
  });
}

napi_value attach_memory(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    const Arguments<3> arguments(env, info);
    DynamicTable& table = table_of(env, arguments[0]);
    Settings s(env, arguments[2]);
    AttachedRows attached{.columns = read_columns(s), .init = {}, .weights = s.count() == 1};
    attached.init = read_fill(s);
    const Fill unknown = read_fill(s);
    read_draws(s, attached.init);
    table.attach(attach_rows(parameter_of(env, arguments[1]), table.rows(), attached, unknown));
  });
}

napi_value insert_keys(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    const Arguments<2> arguments(env, info);
    DynamicTable& table = table_of(env, arguments[0]);
    const std::span<const int64_t> given = integers(env, arguments[1], "keys");
    const std::vector<uint64_t> keys(given.begin(), given.end());
    std::vector<uint64_t> rows(keys.size());
    table.insert(keys, rows);
    return make_doubles(env, rows.size(), [&](size_t i) { return memory_row(table, rows[i]); });
  });
}

napi_value erase_keys(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    const Arguments<2> arguments(env, info);
    const std::span<const int64_t> keys = integers(env, arguments[1], "keys");
    table_of(env, arguments[0]).erase(std::vector<uint64_t>(keys.begin(), keys.end()));
  });
}

napi_value list_keys(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    const DynamicTable& table = table_of(env, Arguments<1>(env, info)[0]);
    const std::vector<uint32_t> rows = table.ordered_rows();
    return make_array(env, {make_integers(env, rows.size(), [&](size_t i) { return table.key_of(rows[i]); }),
                            make_doubles(env, rows.size(), [&](size_t i) { return memory_row(table, rows[i]); }),
                            make_doubles(env, rows.size(), [&](size_t i) { return table.score_of(rows[i]); })});
  });
}

napi_value save_keys(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    const DynamicTable& table = table_of(env, Arguments<1>(env, info)[0]);
    const std::vector<uint32_t> rows = table.ordered_rows();
    const std::vector<int64_t> state = table.state_of(rows);
    return make_array(env, {make_integers(env, state.size(), [&](size_t i) { return state[i]; }),
                            make_doubles(env, rows.size(), [&](size_t i) { return memory_row(table, rows[i]); })});
  });
}

napi_value table_statistics(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    const DynamicTable& table = table_of(env, Arguments<1>(env, info)[0]);
    const DynamicTable::Statistics& s = table.statistics();
    const uint64_t numbers[] = {table.size(), s.admitted, s.evicted, s.lookups, s.hits, s.rejected};
    return make_doubles(env, std::size(numbers), [&](size_t i) { return numbers[i]; });
  });
}

}  // namespace pairloom::binding
