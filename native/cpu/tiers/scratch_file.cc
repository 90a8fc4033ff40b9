#include "cpu/tiers/scratch_file.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <new>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "program/error.h"

namespace pairloom {
namespace {

constexpr size_t kBlock = 4096, kSmall = size_t{16} << 10;
constexpr size_t kSectors[] = {512, 4096};

// Memory for transfers past the page cache, aligned to pages. A large one is given back by the next small transfer.
class Buffer {
 public:
  ~Buffer() { release(); }

  char* of(size_t bytes) {
    const bool is_large = bytes_ > kSmall && bytes <= kSmall;
    if (bytes <= bytes_ && !is_large) return data_;
    release();
    void* const pages = mmap(nullptr, round_up(bytes, kBlock), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED) throw std::bad_alloc();
    bytes_ = round_up(bytes, kBlock);
    return data_ = static_cast<char*>(pages);
  }

 private:
  void release() {
    if (bytes_ > 0) munmap(data_, bytes_);
    bytes_ = 0;
  }

  char* data_ = nullptr;
  size_t bytes_ = 0;
};

bool set_direct(int descriptor, bool on) {
#ifdef O_DIRECT
  return fcntl(descriptor, F_SETFL, on ? O_DIRECT : 0) == 0;
#elif defined(F_NOCACHE)
  return fcntl(descriptor, F_NOCACHE, on ? 1 : 0) == 0;
#else
  return !on;
#endif
}

}  // namespace

char* buffer_of_thread(size_t bytes) {
  thread_local Buffer buffer;
  return buffer.of(bytes);
}

ScratchFile::ScratchFile(const std::string& directory) : directory_(directory) {
  std::string path = directory + "/pairloom-rows-XXXXXX";
  descriptor_ = mkstemp(path.data());
  if (descriptor_ < 0) fail("a file for the rows of a table cannot be created", errno);
  unlink(path.c_str());
  fcntl(descriptor_, F_SETFD, FD_CLOEXEC);
  try {
    find_sectors();
  } catch (...) {
    close(descriptor_);
    throw;
  }
}

ScratchFile::~ScratchFile() { close(descriptor_); }

// Writes far from the beginning of the file: a file system without sparse files would fill everything before.
void ScratchFile::find_sectors() {
  constexpr uint64_t kFar = uint64_t{1} << 20;
  char* const zeros = buffer_of_thread(kBlock);
  std::memset(zeros, 0, kBlock);
  direct_ = set_direct(descriptor_, true);
  for (size_t i = 0; direct_ && sector_ == 1; ++i) {
    if (i == std::size(kSectors)) direct_ = false;
    else if (pwrite(descriptor_, zeros, kSectors[i], off_t(kFar)) == ssize_t(kSectors[i])) sector_ = kSectors[i];
    else if (errno != EINVAL) fail("the rows of a table cannot be written", errno);
  }
  if (!direct_) set_direct(descriptor_, false);
  if (!direct_ && pwrite(descriptor_, zeros, kBlock, off_t(kFar)) != ssize_t(kBlock)) {
    fail("the rows of a table cannot be written", errno);
  }
  if (allocated() >= kFar) {
    throw Error({"a file system without sparse files cannot hold the rows of a table", directory_, "", "sparse files",
                 "Set store.path to a directory on another file system, such as ext4, xfs or apfs."});
  }
  if (ftruncate(descriptor_, 0) != 0) fail("the rows of a table cannot be written", errno);
}

ScratchFile::Range ScratchFile::range_of(uint64_t begin, uint64_t end) const {
  const uint64_t offset = begin / sector_ * sector_;
  return {offset, size_t(round_up(end, sector_) - offset)};
}

void ScratchFile::cut(uint64_t end) {
  struct stat status;
  if (fstat(descriptor_, &status) == 0 && uint64_t(status.st_size) <= end) return;
  if (ftruncate(descriptor_, off_t(end)) != 0) fail("the rows of a table cannot be written", errno);
}

// Beyond the end of the file there are zeros, as in its holes.
void ScratchFile::read(Range range, char* to) {
  const auto [offset, bytes] = range;
  size_t done = 0;
  while (done < bytes) {
    const ssize_t got = pread(descriptor_, to + done, bytes - done, off_t(offset + done));
    if (got == 0) break;
    if (got < 0 && errno != EINTR) fail("the rows of a table cannot be read", errno);
    if (got > 0) done += size_t(got);
    if (got > 0 && done < bytes && done % sector_ != 0) break;  // the end of the file
  }
  std::memset(to + done, 0, bytes - done);
  ++reads_;
  bytes_read_ += bytes;
#ifdef POSIX_FADV_DONTNEED
  if (!direct_) posix_fadvise(descriptor_, off_t(offset), off_t(bytes), POSIX_FADV_DONTNEED);
#endif
}

void ScratchFile::write(Range range, const char* from) {
  const auto [offset, bytes] = range;
  for (size_t done = 0; done < bytes;) {
    const ssize_t got = pwrite(descriptor_, from + done, bytes - done, off_t(offset + done));
    if (got > 0) done += size_t(got);
    else if (got == 0 || errno != EINTR) fail("the rows of a table cannot be written", got == 0 ? ENOSPC : errno);
  }
  ++writes_;
  bytes_written_ += bytes;
#ifdef POSIX_FADV_DONTNEED
  if (!direct_) posix_fadvise(descriptor_, off_t(offset), off_t(bytes), POSIX_FADV_DONTNEED);
#endif
}

uint64_t ScratchFile::allocated() const {
  struct stat status;
  return fstat(descriptor_, &status) == 0 ? uint64_t(status.st_blocks) * 512 : 0;
}

void ScratchFile::fail(const char* what, int error) const {
  const bool full = error == ENOSPC || error == EDQUOT || error == EFBIG;
  throw Error({what, directory_, std::strerror(error),
               full ? "room for the rows that do not fit in memory" : "a disk that can be read and written",
               full ? "Free space there, or set store.path to a directory on a larger disk."
                    : "Check the disk, or set store.path to another directory."});
}

}  // namespace pairloom
