#include "binding/memory.h"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cpu/memory.h"

namespace pairloom::binding {
namespace {

struct Block {
  void* data;
  size_t bytes;
};

// V8 counts the bytes of an external ArrayBuffer itself: no napi_adjust_external_memory.
napi_value make_buffer(napi_env env, Block block, void (*release)(const Block&)) {
  struct Owned {
    Block block;
    void (*release)(const Block&);
  };
  Owned* owned = new Owned{block, release};
  napi_value buffer = nullptr;
  const napi_status status = napi_create_external_arraybuffer(
      env, block.data, block.bytes,
      [](napi_env, void*, void* hint) {
        Owned* owned = static_cast<Owned*>(hint);
        owned->release(owned->block);
        delete owned;
      },
      owned, &buffer);
  if (status == napi_ok) return buffer;
  if (status == napi_no_external_buffers_allowed) {
    release(block);
    delete owned;
    throw Error({"this runtime does not take memory from an addon", "native core", "", "Node.js", ""});
  }
  // Any other failure is thrown by Node, which has taken the block and will release it.
  napi_value thrown = nullptr;
  napi_get_and_clear_last_exception(env, &thrown);
  throw Error({"an array is too large for this version of Node.js", "native core",
               std::to_string(block.bytes) + " bytes", "at most buffer.constants.MAX_LENGTH", "use a newer Node.js"});
}

napi_value empty_buffer(napi_env env) {
  napi_value buffer = nullptr;
  void* data = nullptr;
  napi_create_arraybuffer(env, 0, &data, &buffer);
  return buffer;
}

[[noreturn]] void fail(const std::string& path, int error) {
  throw Error({"a file cannot be mapped", path, std::strerror(error), "a readable file", "check the path"});
}

size_t half_of_memory() { return size_t(sysconf(_SC_PHYS_PAGES)) * size_t(sysconf(_SC_PAGESIZE)) / 2; }

class File {
 public:
  explicit File(const std::string& path) : descriptor_(open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (descriptor_ < 0) fail(path, errno);
  }
  ~File() { close(descriptor_); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int descriptor() const { return descriptor_; }

 private:
  int descriptor_;
};

}  // namespace

napi_value allocate(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    const Arguments<1> arguments(env, info);
    const size_t bytes = whole(number(env, arguments[0], "bytes"), "bytes");
    if (bytes == 0) return empty_buffer(env);
    void* data = allocate_block(bytes);
    if (data == nullptr) throw std::bad_alloc();
    return make_buffer(env, {data, bytes}, [](const Block& block) { free_block(block.data, block.bytes); });
  });
}

// A private mapping: pages are shared with the file until JavaScript writes to them, and the file never changes.
// Writable all the same, so that a stray write harms this process's copy of a page and not the process.
napi_value map_file(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    const Arguments<1> arguments(env, info);
    const std::string path = text(env, arguments[0], "path");
    const File file(path);
    struct stat status;
    if (fstat(file.descriptor(), &status) != 0) fail(path, errno);
    if (!S_ISREG(status.st_mode)) fail(path, EINVAL);
    if (status.st_size == 0) return empty_buffer(env);
    const size_t bytes = size_t(status.st_size);
    void* data = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, file.descriptor(), 0);
    if (data == MAP_FAILED) fail(path, errno);
    if (bytes < half_of_memory()) madvise(data, bytes, MADV_WILLNEED);  // advice only: start reading now
    return make_buffer(env, {data, bytes}, [](const Block& block) { munmap(block.data, block.bytes); });
  });
}

}  // namespace pairloom::binding
