#include <cerrno>
#include <cstdlib>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "platform/hidden_file.h"

namespace pairloom {
namespace {

bool set_direct(int descriptor) {
#ifdef O_DIRECT
  return fcntl(descriptor, F_SETFL, O_DIRECT) == 0;
#elif defined(F_NOCACHE)
  return fcntl(descriptor, F_NOCACHE, 1) == 0;
#else
  return errno = EINVAL, false;
#endif
}

}  // namespace

bool HiddenFile::open(bool direct) {
  close();
  std::string path = directory_ + "/pairloom-rows-XXXXXX";
  const int descriptor = mkstemp(path.data());
  if (descriptor < 0) return false;
  handle_ = descriptor;
  unlink(path.c_str());
  fcntl(descriptor, F_SETFD, FD_CLOEXEC);
  return !direct || set_direct(descriptor);
}

void HiddenFile::close() {
  if (handle_ >= 0) ::close(int(handle_));
  handle_ = -1;
}

int64_t HiddenFile::read(uint64_t offset, size_t bytes, char* to) const {
  for (;;) {
    const ssize_t got = pread(int(handle_), to, bytes, off_t(offset));
    if (got >= 0 || errno != EINTR) return got;
  }
}

int64_t HiddenFile::write(uint64_t offset, size_t bytes, const char* from) const {
  for (;;) {
    const ssize_t got = pwrite(int(handle_), from, bytes, off_t(offset));
    if (got > 0) return got;
    if (got == 0) return errno = ENOSPC, -1;
    if (errno != EINTR) return -1;
  }
}

bool HiddenFile::cut(uint64_t end) const {
  struct stat status;
  if (fstat(int(handle_), &status) == 0 && uint64_t(status.st_size) <= end) return true;
  return ftruncate(int(handle_), off_t(end)) == 0;
}

uint64_t HiddenFile::allocated() const {
  struct stat status;
  return fstat(int(handle_), &status) == 0 ? uint64_t(status.st_blocks) * 512 : 0;
}

void HiddenFile::forget([[maybe_unused]] uint64_t offset, [[maybe_unused]] size_t bytes) const {
#ifdef POSIX_FADV_DONTNEED
  posix_fadvise(int(handle_), off_t(offset), off_t(bytes), POSIX_FADV_DONTNEED);
#endif
}

}  // namespace pairloom
