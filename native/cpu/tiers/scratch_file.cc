#include "cpu/tiers/scratch_file.h"

#include <cstring>
#include <new>

#include "platform/failure.h"
#include "platform/pages.h"
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
    void* const pages = map_pages(round_up(bytes, kBlock), true);
    if (pages == nullptr) throw std::bad_alloc();
    bytes_ = round_up(bytes, kBlock);
    return data_ = static_cast<char*>(pages);
  }

 private:
  void release() {
    if (bytes_ > 0) unmap_pages(data_, bytes_);
    bytes_ = 0;
  }

  char* data_ = nullptr;
  size_t bytes_ = 0;
};

}  // namespace

char* buffer_of_thread(size_t bytes) {
  thread_local Buffer buffer;
  return buffer.of(bytes);
}

ScratchFile::ScratchFile(const std::string& directory) : directory_(directory), file_(directory) {
  find_sectors();
}

// Writes far from the beginning of the file: a file system without sparse files would fill everything before.
void ScratchFile::find_sectors() {
  constexpr uint64_t kFar = uint64_t{1} << 20;
  char* const zeros = buffer_of_thread(kBlock);
  std::memset(zeros, 0, kBlock);
  direct_ = file_.open(true);
  for (size_t i = 0; direct_ && sector_ == 1; ++i) {
    if (i == std::size(kSectors)) direct_ = false;
    else if (file_.write(kFar, kSectors[i], zeros) == int64_t(kSectors[i])) sector_ = kSectors[i];
    else if (last_failure().kind != Failure::Kind::kInvalid) fail("the rows of a table cannot be written");
  }
  if (!direct_) {
    if (!file_.open(false)) fail("a file for the rows of a table cannot be created");
    if (file_.write(kFar, kBlock, zeros) != int64_t(kBlock)) fail("the rows of a table cannot be written");
  }
  if (allocated() >= kFar) {
    throw Error({"a file system without sparse files cannot hold the rows of a table", directory_, "", "sparse files",
                 "Set store.path to a directory on another file system, such as ext4, xfs, apfs or NTFS."});
  }
  cut(0);
}

ScratchFile::Range ScratchFile::range_of(uint64_t begin, uint64_t end) const {
  const uint64_t offset = begin / sector_ * sector_;
  return {offset, size_t(round_up(end, sector_) - offset)};
}

void ScratchFile::cut(uint64_t end) {
  if (!file_.cut(end)) fail("the rows of a table cannot be written");
}

// Beyond the end of the file there are zeros, as in its holes.
void ScratchFile::read(Range range, char* to) {
  const auto [offset, bytes] = range;
  size_t done = 0;
  while (done < bytes) {
    const int64_t got = file_.read(offset + done, bytes - done, to + done);
    if (got < 0) fail("the rows of a table cannot be read");
    done += size_t(got);
    if (got == 0 || (done < bytes && done % sector_ != 0)) break;  // the end of the file
  }
  std::memset(to + done, 0, bytes - done);
  ++reads_;
  bytes_read_ += bytes;
  if (!direct_) file_.forget(offset, bytes);
}

void ScratchFile::write(Range range, const char* from) {
  const auto [offset, bytes] = range;
  for (size_t done = 0; done < bytes;) {
    const int64_t got = file_.write(offset + done, bytes - done, from + done);
    if (got < 0) fail("the rows of a table cannot be written");
    done += size_t(got);
  }
  ++writes_;
  bytes_written_ += bytes;
  if (!direct_) file_.forget(offset, bytes);
}

void ScratchFile::fail(const char* what) const {
  const Failure failure = last_failure();
  const bool full = failure.kind == Failure::Kind::kFull;
  throw Error({what, directory_, failure.reason,
               full ? "room for the rows that do not fit in memory" : "a disk that can be read and written",
               full ? "Free space there, or set store.path to a directory on a larger disk."
                    : "Check the disk, or set store.path to another directory."});
}

}  // namespace pairloom
