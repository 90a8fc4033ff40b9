#include "runtime/mapping.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "program/error.h"

namespace pairloom {
namespace {

[[noreturn]] void fail(const std::string& path, int error) {
  throw Error({"a file cannot be mapped", path, std::strerror(error), "a readable file", "Check the path."});
}

class File {
 public:
  explicit File(const std::string& path) : path_(path), descriptor_(open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (descriptor_ < 0) fail(path, errno);
  }
  ~File() { close(descriptor_); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  int descriptor() const { return descriptor_; }
  uint64_t size() const {
    struct stat status;
    if (fstat(descriptor_, &status) != 0) fail(path_, errno);
    if (!S_ISREG(status.st_mode)) fail(path_, EINVAL);
    return uint64_t(status.st_size);
  }

 private:
  const std::string& path_;
  int descriptor_;
};

uint64_t half_of_memory() { return uint64_t(sysconf(_SC_PHYS_PAGES)) * uint64_t(sysconf(_SC_PAGESIZE)) / 2; }

}  // namespace

Mapping::Mapping(const std::string& path) {
  const File file(path);
  map(file.descriptor(), path, 0, file.size(), 0);
}

Mapping::Mapping(const std::string& path, uint64_t offset, uint64_t bytes, uint64_t reserved) {
  const File file(path);
  const uint64_t size = file.size();
  if (offset > size || bytes > size - offset) {
    throw Error({"a file is shorter than the range to map", path, std::to_string(size) + " bytes",
                 "at least " + std::to_string(offset + bytes) + " bytes", ""});
  }
  map(file.descriptor(), path, offset, bytes, reserved);
}

Mapping::~Mapping() {
  if (pages_ != nullptr) munmap(pages_, skipped_ + bytes_);
}

void Mapping::map(int descriptor, const std::string& path, uint64_t offset, uint64_t bytes, uint64_t reserved) {
  const uint64_t total = std::max(bytes, reserved);
  if (total == 0) return;
  constexpr int kAccess = PROT_READ | PROT_WRITE, kPrivate = MAP_PRIVATE | MAP_NORESERVE;
  const size_t skipped = offset % uint64_t(sysconf(_SC_PAGESIZE));
  void* pages = mmap(nullptr, skipped + total, kAccess, kPrivate | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED) fail(path, errno);
  pages_ = pages;
  skipped_ = skipped;
  bytes_ = total;
  if (bytes == 0) return;
  if (mmap(pages, skipped + bytes, kAccess, kPrivate | MAP_FIXED, descriptor, off_t(offset - skipped)) == MAP_FAILED) {
    const int error = errno;
    munmap(std::exchange(pages_, nullptr), skipped + total);
    fail(path, error);
  }
  if (bytes < half_of_memory()) madvise(pages, skipped + bytes, MADV_WILLNEED);  // advice to start reading
}

}  // namespace pairloom
