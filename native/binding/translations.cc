#include "binding/translations.h"

#include <algorithm>

#include "runtime/translations.h"

namespace pairloom::binding {
namespace {

// Distinguishes our externals from those of other addons, and from executors and parameters.
constexpr napi_type_tag kTag = {0x7061697230756c6f, 0x6f6d2d7472616e73};

using Handle = std::shared_ptr<Translation>;

napi_value make_handle(napi_env env, std::unique_ptr<Translation> translation) {
  auto handle = std::make_unique<Handle>(std::move(translation));
  napi_value external = nullptr;
  ensure(napi_create_external(
             env, handle.get(), [](napi_env, void* data, void*) { delete static_cast<Handle*>(data); }, nullptr,
             &external),
         "translation");
  handle.release();
  ensure(napi_type_tag_object(env, external, &kTag), "translation");
  return external;
}

std::span<const int64_t> integers(napi_env env, napi_value value, const char* what) {
  const TypedArray array = typed_array(env, value, what);
  if (array.type != napi_bigint64_array) throw Error({"an array is of the wrong type", what, "", "BigInt64Array", ""});
  return {static_cast<const int64_t*>(array.data), array.length};
}

template <class Numbers>
napi_value make_integers(napi_env env, const Numbers& numbers) {
  napi_value buffer = nullptr, array = nullptr;
  void* data = nullptr;
  ensure(napi_create_arraybuffer(env, numbers.size() * sizeof(int64_t), &data, &buffer), "translation");
  std::copy(numbers.begin(), numbers.end(), static_cast<int64_t*>(data));
  ensure(napi_create_typedarray(env, napi_bigint64_array, numbers.size(), buffer, 0, &array), "translation");
  return array;
}

}  // namespace

std::shared_ptr<Translation> translation_of(napi_env env, napi_value handle) {
  bool ours = false;
  ensure(napi_check_object_type_tag(env, handle, &kTag, &ours), "translation");
  void* data = nullptr;
  if (!ours || napi_get_value_external(env, handle, &data) != napi_ok) ensure(napi_invalid_arg, "translation");
  return *static_cast<Handle*>(data);
}

napi_value make_permutation(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    const std::span<const int64_t> rows = integers(env, Arguments<1>(env, info)[0], "rows");
    return make_handle(env, pairloom::make_permutation({rows.begin(), rows.end()}));
  });
}

napi_value make_first_come(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    return make_handle(env, pairloom::make_first_come(whole(number(env, Arguments<1>(env, info)[0], "rows"), "rows")));
  });
}

napi_value translate_ids(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    const Arguments<2> arguments(env, info);
    const std::span<const int64_t> given = integers(env, arguments[1], "ids");
    const std::vector<uint64_t> ids(given.begin(), given.end());
    std::vector<uint64_t> rows(ids.size());
    translation_of(env, arguments[0])->translate(ids, rows);
    return make_integers(env, rows);
  });
}

napi_value translation_state(napi_env env, napi_callback_info info) {
  return guarded(env, [&] { return make_integers(env, translation_of(env, Arguments<1>(env, info)[0])->state()); });
}

napi_value restore_translation(napi_env env, napi_callback_info info) {
  return guarded(env, [&]() -> napi_value {
    const Arguments<2> arguments(env, info);
    translation_of(env, arguments[0])->restore(integers(env, arguments[1], "state"));
    return nullptr;
  });
}

}  // namespace pairloom::binding
