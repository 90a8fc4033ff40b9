#include "cpu/tiers/record_file.h"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "program/error.h"

namespace pairloom {
namespace {

constexpr size_t kPiece = size_t{1} << 20;  // bytes that `each` reads at once
constexpr size_t kSectors[] = {512, 4096};

// Memory for transfers past the page cache.
class Buffer {
 public:
  char* of(size_t bytes) {
    if (bytes <= bytes_) return data_.get();
    bytes_ = (bytes + 4095) / 4096 * 4096;
    data_.reset(static_cast<char*>(std::aligned_alloc(4096, bytes_)));
    if (data_ == nullptr) throw std::bad_alloc();
    return data_.get();
  }

 private:
  struct Free {
    void operator()(char* data) const { std::free(data); }
  };
  std::unique_ptr<char, Free> data_;
  size_t bytes_ = 0;
};

char* buffer_of_thread(size_t bytes) {
  thread_local Buffer buffer;
  return buffer.of(bytes);
}

uint64_t whole(uint64_t bytes, uint64_t unit) { return (bytes + unit - 1) / unit * unit; }

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

RecordFile::RecordFile(const std::string& directory, uint64_t records, size_t record_bytes)
    : directory_(directory),
      records_(records),
      record_bytes_(record_bytes),
      per_block_(kBlock / record_bytes),
      stride_(whole(record_bytes, 512)),
      bits_(records / 64 + 1),
      words_(reinterpret_cast<std::atomic<uint64_t>*>(bits_.data())) {
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

RecordFile::~RecordFile() { close(descriptor_); }

// Writes far from the beginning of the file: a file system without sparse files would fill everything before.
void RecordFile::find_sectors() {
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

uint64_t RecordFile::offset_of(uint64_t record) const {
  if (per_block_ == 0) return record * stride_;
  return record / per_block_ * kBlock + record % per_block_ * record_bytes_;
}

RecordFile::Span RecordFile::span_of(uint64_t record) const {
  const uint64_t begin = offset_of(record), offset = begin / sector_ * sector_;
  return {offset, size_t(whole(begin + record_bytes_, sector_) - offset), size_t(begin - offset)};
}

std::vector<uint64_t> RecordFile::records() const {
  std::vector<uint64_t> all;
  for (uint64_t first = 0; first < records_; first += 64) {
    uint64_t bits = word(first).load(std::memory_order_relaxed);
    for (; bits != 0; bits &= bits - 1) all.push_back(first + uint64_t(std::countr_zero(bits)));
  }
  return all;
}

void RecordFile::read(uint64_t record, char* to) {
  const auto [offset, bytes, skipped] = span_of(record);
  char* const buffer = buffer_of_thread(bytes);
  read_at(offset, bytes, buffer);
  std::memcpy(to, buffer + skipped, record_bytes_);
}

void RecordFile::write(uint64_t record, const char* from) {
  const auto [offset, bytes, skipped] = span_of(record);
  char* const buffer = buffer_of_thread(bytes);
  const std::lock_guard lock(locks_[offset / kBlock % kLocks]);
  if (bytes != record_bytes_) read_at(offset, bytes, buffer);  // also what is no longer a record: a failed step needs it
  std::memcpy(buffer + skipped, from, record_bytes_);
  write_at(offset, bytes, buffer);
}

void RecordFile::each(uint64_t first, uint64_t count, bool writes,
                      const std::function<void(uint64_t, char*)>& change) {
  const uint64_t group = std::max<size_t>(per_block_, 1), groups = std::max<size_t>(1, kPiece / (group * record_bytes_));
  for (uint64_t begin = first; begin < first + count;) {
    const uint64_t end = std::min(first + count, (begin / group + groups) * group);
    const uint64_t from = span_of(begin).offset, to = span_of(end - 1).offset + span_of(end - 1).bytes;
    char* const piece = buffer_of_thread(size_t(to - from));
    bool any = false;
    for (uint64_t record = begin / group * group; record < std::min(records_, whole(end, group)); ++record) {
      any |= has(record);
    }
    if (any) read_at(from, size_t(to - from), piece);
    else std::memset(piece, 0, size_t(to - from));
    for (uint64_t record = begin; record < end; ++record) change(record, piece + (offset_of(record) - from));
    if (writes) write_at(from, size_t(to - from), piece);
    begin = end;
  }
}

void RecordFile::cut(uint64_t first) {
  for (uint64_t record = first; record < records_; ++record) remove(record);
  const uint64_t end = first == 0 ? 0 : whole(offset_of(first - 1) + record_bytes_, kBlock);
  struct stat status;
  if (fstat(descriptor_, &status) == 0 && uint64_t(status.st_size) <= end) return;
  if (ftruncate(descriptor_, off_t(end)) != 0) fail("the rows of a table cannot be written", errno);
}

// Beyond the end of the file there are zeros, as in its holes.
void RecordFile::read_at(uint64_t offset, size_t bytes, char* to) {
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

void RecordFile::write_at(uint64_t offset, size_t bytes, const char* from) {
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

uint64_t RecordFile::allocated() const {
  struct stat status;
  return fstat(descriptor_, &status) == 0 ? uint64_t(status.st_blocks) * 512 : 0;
}

void RecordFile::fail(const char* what, int error) const {
  const bool full = error == ENOSPC || error == EDQUOT || error == EFBIG;
  throw Error({what, directory_, std::strerror(error), full ? "room for the rows that do not fit in memory" : "a directory that can be written to",
               full ? "Free space there, or set store.path to a directory on a larger disk."
                    : "Check the disk, or set store.path to another directory."});
}

}  // namespace pairloom
