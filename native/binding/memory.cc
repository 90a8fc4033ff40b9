#include "binding/memory.h"

#include <algorithm>
#include <optional>
#include <thread>

#include "binding/handle.h"

namespace pairloom::binding {
namespace {

constexpr HandleKind kParameter = {{0x7061697230756c6f, 0x6f6d2d706172616d}, "parameter"};

// Tells the garbage collector how much memory it holds; otherwise garbage would pile up.
class Handle {
 public:
  Handle(napi_env env, std::shared_ptr<ParameterStore> store) : env_(env), store_(std::move(store)) { adjust_memory(1); }
  ~Handle() { adjust_memory(-1); }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;

  const std::shared_ptr<ParameterStore>& store() const { return store_; }

 private:
  void adjust_memory(int64_t sign) const {
    int64_t total = 0;
    napi_adjust_external_memory(env_, sign * int64_t(store_->own_bytes()), &total);
  }

  const napi_env env_;
  const std::shared_ptr<ParameterStore> store_;
};

DType dtype_of(napi_env env, napi_value value) {
  const std::string name = text(env, value, "dtype");
  if (name == "fp32") return DType::kFp32;
  if (name == "fp16") return DType::kFp16;
  if (name == "bf16") return DType::kBf16;
  throw Error({"a parameter has an unknown dtype", "dtype", name, "fp32, fp16 or bf16", ""});
}

// An array for numbers of the store: a Float32Array for fp32, otherwise a Uint16Array.
TypedArray numbers_of(napi_env env, napi_value value, const ParameterStore& store) {
  const TypedArray array = typed_array(env, value, "numbers");
  const bool half = is_half(store.dtype());
  if (array.type == (half ? napi_uint16_array : napi_float32_array)) return array;
  throw Error({"numbers are in an array of another dtype than their parameter", "read or write", "",
               half ? "Uint16Array" : "Float32Array", ""});
}

// The arguments of reading or writing: a range of a parameter, and the array with as many numbers.
struct Transfer {
  std::shared_ptr<ParameterStore> store;
  uint64_t from;
  TypedArray array;
};

Transfer transfer_of(napi_env env, napi_callback_info info) {
  const Arguments<3> arguments(env, info);
  const std::shared_ptr<ParameterStore> store = parameter_of(env, arguments[0]);
  return {store, whole(number(env, arguments[1], "from"), "from"), numbers_of(env, arguments[2], *store)};
}

// Calls use(rows) with a span of the elements of an array of row numbers.
template <class Use>
void with_rows(napi_env env, napi_value value, const Use& use) {
  const TypedArray rows = typed_array(env, value, "rows");
  if (rows.type == napi_uint32_array) use(std::span(static_cast<const uint32_t*>(rows.data), rows.length));
  else if (rows.type == napi_biguint64_array) use(std::span(static_cast<const uint64_t*>(rows.data), rows.length));
  else throw Error({"an array is of the wrong type", "rows", "", "Uint32Array or BigUint64Array", ""});
}

FillKind fill_kind(const std::string& kind) {
  static constexpr const char* kKinds[] = {"constant", "uniform", "normal"};
  const auto found = std::find(std::begin(kKinds), std::end(kKinds), kind);
  if (found != std::end(kKinds)) return FillKind(uint32_t(found - kKinds));
  throw Error({"unknown kind of initial values", "fill", kind, "constant, uniform or normal", ""});
}

napi_value empty_buffer(napi_env env) {
  napi_value buffer = nullptr;
  void* data = nullptr;
  napi_create_arraybuffer(env, 0, &data, &buffer);
  return buffer;
}

// V8 counts the bytes of an external ArrayBuffer itself: no napi_adjust_external_memory.
napi_value make_buffer(napi_env env, std::unique_ptr<Mapping> mapping) {
  napi_value buffer = nullptr;
  const napi_status status = napi_create_external_arraybuffer(
      env, mapping->data(), mapping->bytes(),
      [](napi_env, void*, void* mapping) { delete static_cast<Mapping*>(mapping); }, mapping.get(), &buffer);
  if (status == napi_no_external_buffers_allowed) {
    throw Error({"this runtime does not take memory from an addon", "native core", "", "Node.js", ""});
  }
  const uint64_t bytes = mapping.release()->bytes();  // Node owns it now, even if a call below fails
  if (status == napi_ok) return buffer;
  napi_value thrown = nullptr;
  napi_get_and_clear_last_exception(env, &thrown);
  throw Error({"an array is too large for this version of Node.js", "native core", std::to_string(bytes) + " bytes",
               "at most buffer.constants.MAX_LENGTH", "Use a newer Node.js."});
}

}  // namespace

std::optional<Shard> shard_of(napi_env env, napi_value value) {
  napi_valuetype type;
  ensure(napi_typeof(env, value, &type), "shard");
  if (type == napi_undefined) return std::nullopt;
  const std::span<const double> numbers = doubles(env, value, "shard");
  constexpr size_t kFixed = 6;
  if (numbers.size() < kFixed || !are_starts(numbers.subspan(kFixed), numbers[2])) {
    throw Error({"a shard has six numbers, and the first slots of shares that are not equal", "shard",
                 std::to_string(numbers.size()) + " numbers", "", ""});
  }
  const SlotMap map{whole(numbers[0], "rows"), whole32(numbers[1], "first rank"),
                    whole32(positive(numbers[2], "owners"), "owners"), whole32(numbers[3], "turn"),
                    whole32(positive(numbers[4], "columns"), "columns"),
                    {numbers.begin() + kFixed, numbers.end()}};
  return Shard{map, whole32(numbers[5], "rank")};
}

napi_value make_parameter(napi_env env, std::shared_ptr<ParameterStore> store) {
  return make_handle<Handle>(env, kParameter, env, std::move(store));
}

std::shared_ptr<ParameterStore> parameter_of(napi_env env, napi_value handle) {
  return value_of<Handle>(env, kParameter, handle).store();
}

napi_value allocate_parameter(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    const Arguments<3> arguments(env, info);
    const uint64_t elements = whole(number(env, arguments[0], "elements"), "elements");
    const uint64_t used = whole(number(env, arguments[2], "used"), "used");
    return make_parameter(env, std::make_shared<ParameterStore>(dtype_of(env, arguments[1]), elements, used));
  });
}

napi_value map_parameter(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    const Arguments<5> arguments(env, info);
    const uint64_t elements = whole(number(env, arguments[0], "elements"), "elements");
    const uint64_t offset = whole(number(env, arguments[3], "offset"), "offset");
    const uint64_t in_file = whole(number(env, arguments[4], "elements in the file"), "elements in the file");
    return make_parameter(env, std::make_shared<ParameterStore>(dtype_of(env, arguments[1]), elements,
                                                             text(env, arguments[2], "path"), offset, in_file));
  });
}

napi_value read_parameter(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    const auto [store, from, into] = transfer_of(env, info);
    store->read(from, into.length, into.data);
  });
}

napi_value write_parameter(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    const auto [store, from, values] = transfer_of(env, info);
    store->write(from, values.length, values.data);
  });
}

napi_value gather_parameter(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    const Arguments<5> arguments(env, info);
    const std::shared_ptr<ParameterStore> store = parameter_of(env, arguments[0]);
    const uint64_t width = positive(number(env, arguments[2], "width"), "width");
    const uint64_t from = whole(number(env, arguments[3], "from"), "from");
    const TypedArray into = numbers_of(env, arguments[4], *store);
    with_rows(env, arguments[1], [&](auto rows) { store->gather(rows, width, from, into.length, into.data); });
  });
}

napi_value scatter_parameter(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    const Arguments<4> arguments(env, info);
    const std::shared_ptr<ParameterStore> store = parameter_of(env, arguments[0]);
    const uint64_t width = positive(number(env, arguments[2], "width"), "width");
    const TypedArray values = numbers_of(env, arguments[3], *store);
    with_rows(env, arguments[1], [&](auto rows) {
      if (values.length / width == rows.size() && values.length % width == 0) return store->scatter(rows, width, values.data);
      throw Error({"a wrong number of values for rows", "scatter", std::to_string(values.length),
                   std::to_string(rows.size()) + " x " + std::to_string(width), ""});
    });
  });
}

napi_value track_changes(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    const Arguments<2> arguments(env, info);
    parameter_of(env, arguments[0])->track_changes(positive(number(env, arguments[1], "width"), "width"));
  });
}

napi_value read_changes(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    const Arguments<3> arguments(env, info);
    const std::span<uint8_t> into = array_of<uint8_t>(env, arguments[2], napi_uint8_array, "changes");
    parameter_of(env, arguments[0])
        ->read_changes(whole(number(env, arguments[1], "from"), "from"), into.size(), into.data());
  });
}

napi_value clear_changes(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    const Arguments<2> arguments(env, info);
    parameter_of(env, arguments[0])->clear_changes(whole32(number(env, arguments[1], "consumer"), "consumer"));
  });
}

napi_value copy_parameter(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    const Arguments<2> arguments(env, info);
    parameter_of(env, arguments[0])->copy_from(*parameter_of(env, arguments[1]));
  });
}

napi_value fill_parameter(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    const Arguments<8> a(env, info);
    const Fill spec{fill_kind(text(env, a[1], "kind")), number(env, a[2], "a"), number(env, a[3], "b"),
                    whole(number(env, a[4], "seed"), "seed"), whole32(number(env, a[5], "stream"), "stream")};
    const uint32_t threads = std::max(1u, std::thread::hardware_concurrency());
    const std::shared_ptr<ParameterStore> store = parameter_of(env, a[0]);
    const std::optional<Shard> shard = shard_of(env, a[6]);
    if (shard) store->fill(spec, *shard, positive(number(env, a[7], "width"), "width"), threads);
    else store->fill(spec, threads);
  });
}

napi_value map_file(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    const std::string path = text(env, Arguments<1>(env, info)[0], "path");
    auto mapping = std::make_unique<Mapping>(path);
    return mapping->bytes() == 0 ? empty_buffer(env) : make_buffer(env, std::move(mapping));
  });
}

}  // namespace pairloom::binding
