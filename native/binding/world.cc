#include "binding/world.h"

#include <atomic>
#include <cstring>
#include <numeric>

#include "binding/background.h"
#include "binding/handle.h"
#include "distributed/local.h"
#include "distributed/measure.h"
#include "distributed/mpi_world.h"

namespace pairloom::binding {
namespace {

constexpr HandleKind kWorld = {{0x7061697230756c6f, 0x6f6d2d776f726c64}, "world"};
constexpr uint32_t kMostLocalRanks = 1024;
// What JavaScript sends: settings, reports, decisions.
constexpr const char* kSizes = "control sizes";
constexpr const char* kControl = "control";

// A communicator, and whether a call of JavaScript, which makes several of its calls, is in progress.
struct Handle {
  std::shared_ptr<Communicator> ranks;
  std::shared_ptr<World> world = nullptr;  // the same, of several processes
  std::shared_ptr<std::atomic<bool>> in_use = std::make_shared<std::atomic<bool>>(false);
};

// Marks a world as in use during its lifetime.
class Turn {
 public:
  explicit Turn(const Handle& world) : ranks_(world.ranks), in_use_(world.in_use) {
    if (!in_use_->exchange(true)) return;
    in_use_ = nullptr;
    throw Error({"a rank makes two calls at once", "world", "", "one call at a time", "Wait for the call before."});
  }
  ~Turn() {
    if (in_use_) in_use_->store(false);
  }
  Turn(const Turn&) = delete;
  Communicator& ranks() const { return *ranks_; }

 private:
  std::shared_ptr<Communicator> ranks_;
  std::shared_ptr<std::atomic<bool>> in_use_;
};

using Bytes = std::vector<uint8_t>;

std::shared_ptr<Turn> turn_of(napi_env env, napi_value handle) {
  return std::make_shared<Turn>(value_of<Handle>(env, kWorld, handle));
}

napi_value undefined(napi_env env) {
  napi_value value = nullptr;
  napi_get_undefined(env, &value);
  return value;
}

Bytes bytes_of(napi_env env, napi_value value) {
  const auto bytes = array_of<const uint8_t>(env, value, napi_uint8_array, "bytes");
  return {bytes.begin(), bytes.end()};
}

napi_value make_bytes(napi_env env, std::span<const uint8_t> bytes) {
  napi_value buffer = nullptr, array = nullptr;
  void* data = nullptr;
  ensure(napi_create_arraybuffer(env, bytes.size(), &data, &buffer), "bytes");
  if (!bytes.empty()) std::memcpy(data, bytes.data(), bytes.size());
  ensure(napi_create_typedarray(env, napi_uint8_array, bytes.size(), buffer, 0, &array), "bytes");
  return array;
}

// The bytes of all ranks, which need not be equally many.
struct Gathered {
  std::vector<uint64_t> sizes;
  Bytes bytes;
};

Gathered gather(Communicator& ranks, const Bytes& own) {
  Gathered all{std::vector<uint64_t>(ranks.size()), {}};
  const uint64_t size = own.size();
  ranks.gather(kSizes, &size, {all.sizes.data(), std::vector<uint64_t>(ranks.size(), sizeof(uint64_t))});
  all.bytes.resize(std::accumulate(all.sizes.begin(), all.sizes.end(), uint64_t{0}));
  ranks.gather(kControl, own.data(), {all.bytes.data(), all.sizes});
  return all;
}

Bytes broadcast(Communicator& ranks, Bytes bytes, uint32_t root) {
  uint64_t size = bytes.size();
  ranks.broadcast(kSizes, {reinterpret_cast<uint8_t*>(&size), sizeof(size)}, root);
  bytes.resize(size);
  ranks.broadcast(kControl, bytes, root);
  return bytes;
}

}  // namespace

std::shared_ptr<Communicator> communicator_of(napi_env env, napi_value handle) {
  return value_of<Handle>(env, kWorld, handle).ranks;
}

napi_value open_world(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    const Arguments<2> a(env, info);
    const std::chrono::seconds patience{whole32(number(env, a[1], "patience"), "patience")};
    std::vector<std::string> libraries;
    for (napi_value name : elements(env, a[0], "libraries")) libraries.push_back(text(env, name, "library"));
    return in_background(env, a[0], [libraries = std::move(libraries), patience]() -> Result {
      return [world = open_mpi_world(libraries, patience)](napi_env result_env) {
        napi_value result = nullptr;
        napi_create_object(result_env, &result);
        set(result_env, result, "handle", make_handle<Handle>(result_env, kWorld, world, world));
        set(result_env, result, "version", make_text(result_env, world->version()));
        return result;
      };
    });
  });
}

napi_value finish_world(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    const Arguments<2> a(env, info);
    const std::shared_ptr<World> world = value_of<Handle>(env, kWorld, a[0]).world;
    if (!world) ensure(napi_invalid_arg, "world");
    const int code = int(whole32(number(env, a[1], "code"), "code"));
    return in_background(env, a[0], [turn = turn_of(env, a[0]), world, code]() -> Result {
      world->finish(code);
      return undefined;
    });
  });
}

napi_value local_worlds(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    const uint32_t size = whole32(number(env, Arguments<1>(env, info)[0], "ranks"), "ranks");
    if (size == 0 || size > kMostLocalRanks) ensure(napi_invalid_arg, "ranks");
    std::vector<napi_value> handles;
    for (auto& each : local_communicators(size)) handles.push_back(make_handle<Handle>(env, kWorld, std::move(each)));
    return make_array(env, handles);
  });
}

napi_value world_place(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    const auto ranks = communicator_of(env, Arguments<1>(env, info)[0]);
    return make_array(env, {make_number(env, ranks->rank()), make_number(env, ranks->size())});
  });
}

napi_value world_gather(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    const Arguments<2> a(env, info);
    return in_background(env, a[0], [turn = turn_of(env, a[0]), own = bytes_of(env, a[1])]() -> Result {
      return [all = gather(turn->ranks(), own)](napi_env result_env) {
        std::vector<napi_value> items;
        std::span<const uint8_t> rest = all.bytes;
        for (const uint64_t size : all.sizes) {
          items.push_back(make_bytes(result_env, rest.first(size)));
          rest = rest.subspan(size);
        }
        return make_array(result_env, items);
      };
    });
  });
}

napi_value world_broadcast(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    const Arguments<3> a(env, info);
    const uint32_t root = whole32(number(env, a[2], "root"), "root");
    return in_background(env, a[0], [turn = turn_of(env, a[0]), own = bytes_of(env, a[1]), root]() -> Result {
      return
          [bytes = broadcast(turn->ranks(), own, root)](napi_env result_env) { return make_bytes(result_env, bytes); };
    });
  });
}

napi_value world_abort(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    const Arguments<3> a(env, info);
    const int code = int(whole32(number(env, a[2], "code"), "code"));
    communicator_of(env, a[0])->abort(text(env, a[1], "reason"), code);
  });
}

napi_value world_measure(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    const Arguments<3> a(env, info);
    const uint64_t bytes = whole(number(env, a[1], "bytes"), "bytes");
    const uint32_t repeats = whole32(number(env, a[2], "repeats"), "repeats");
    return in_background(env, a[0], [turn = turn_of(env, a[0]), bytes, repeats]() -> Result {
      return [seconds = measure_exchange(turn->ranks(), bytes, repeats)](napi_env result_env) {
        return make_number(result_env, seconds);
      };
    });
  });
}

napi_value world_traffic(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    std::vector<napi_value> items;
    for (const Traffic& each : communicator_of(env, Arguments<1>(env, info)[0])->traffic()) {
      napi_value item = nullptr;
      napi_create_object(env, &item);
      set(env, item, "name", make_text(env, each.name));
      set(env, item, "calls", make_number(env, double(each.calls)));
      set(env, item, "bytes", make_number(env, double(each.bytes)));
      set(env, item, "nanoseconds", make_number(env, double(each.nanoseconds)));
      items.push_back(item);
    }
    return make_array(env, items);
  });
}

}  // namespace pairloom::binding
