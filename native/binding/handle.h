// JavaScript externals that own C++ values.
#pragma once

#include <memory>
#include <utility>

#include "binding/values.h"

namespace pairloom::binding {

struct HandleKind {
  napi_type_tag tag;  // distinguishes these externals from the other ones, also of other addons
  const char* name;   // for errors
};

// An external that owns a value made of these parts.
template <class Value, class... Parts>
napi_value make_handle(napi_env env, const HandleKind& kind, Parts&&... parts) {
  std::unique_ptr<Value> value(new Value{std::forward<Parts>(parts)...});
  napi_value external = nullptr;
  ensure(napi_create_external(
             env, value.get(), [](napi_env, void* data, void*) { delete static_cast<Value*>(data); }, nullptr,
             &external),
         kind.name);
  value.release();
  ensure(napi_type_tag_object(env, external, &kind.tag), kind.name);
  return external;
}

// The value of such an external. Throws Error for anything else.
template <class Value>
Value& value_of(napi_env env, const HandleKind& kind, napi_value external) {
  bool ours = false;
  ensure(napi_check_object_type_tag(env, external, &kind.tag, &ours), kind.name);
  void* data = nullptr;
  if (!ours || napi_get_value_external(env, external, &data) != napi_ok) ensure(napi_invalid_arg, kind.name);
  return *static_cast<Value*>(data);
}

}  // namespace pairloom::binding
