#include "cpu/tiers/record_file.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "program/error.h"

namespace pairloom {
namespace {

constexpr size_t kMostRun = size_t{256} << 10, kMostGap = size_t{16} << 10;  // bytes that one operation has, and may skip
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

RecordFile::RecordFile(const std::string& directory, uint64_t regions, uint64_t slots_a_region, size_t record_bytes,
                       bool dense)
    : directory_(directory),
      slots_a_region_(slots_a_region),
      record_bytes_(record_bytes),
      per_block_(kBlock / record_bytes),
      stride_(whole(record_bytes, 512)),
      region_bytes_(per_block_ > 0 ? whole(slots_a_region, per_block_) / per_block_ * kBlock : whole(slots_a_region * stride_, kBlock)),
      grown_(dense ? regions : 0) {
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

uint64_t RecordFile::offset_of(uint64_t slot) const {
  const uint64_t base = slot / slots_a_region_ * region_bytes_, place = slot % slots_a_region_;
  if (per_block_ == 0) return base + place * stride_;
  return base + place / per_block_ * kBlock + place % per_block_ * record_bytes_;
}

RecordFile::Range RecordFile::range_of(uint64_t begin, uint64_t end) const {
  const uint64_t offset = begin / sector_ * sector_;
  return {offset, size_t(whole(end, sector_) - offset)};
}

RecordFile::Range RecordFile::range_of(std::span<const Piece> run) const {
  return range_of(offset_of(run.front().slot), end_of(run.back().slot));
}

std::vector<std::span<const RecordFile::Piece>> RecordFile::runs(std::span<const Piece> pieces) const {
  std::vector<std::span<const Piece>> all;
  for (size_t first = 0, next = 1; first < pieces.size(); ++next) {
    const bool follows = next < pieces.size() && offset_of(pieces[next].slot) <= end_of(pieces[next - 1].slot) + kMostGap &&
                         range_of(pieces.subspan(first, next + 1 - first)).bytes <= kMostRun;
    if (follows) continue;
    all.push_back(pieces.subspan(first, next - first));
    first = next;
  }
  return all;
}

void RecordFile::read(std::span<const Piece> run) {
  const Range range = range_of(run);
  char* const buffer = buffer_of_thread(range.bytes);
  read_at(range, buffer);
  for (const auto& [slot, skipped, bytes, memory] : run) {
    std::memcpy(memory, buffer + (offset_of(slot) + skipped - range.offset), bytes);
  }
}

const char* RecordFile::read(uint64_t slot) {
  const uint64_t begin = offset_of(slot);
  const Range range = range_of(begin, end_of(slot));
  char* const buffer = buffer_of_thread(range.bytes);
  read_at(range, buffer);
  return buffer + (begin - range.offset);
}

void RecordFile::write(std::span<const Piece> pieces) {
  if (!grown_.empty()) grow(pieces.back().slot);
  for (const std::span<const Piece> run : runs(pieces)) write_run(run);
}

// Gives space to the slots of a region up to this one, and to some more: file systems let nobody read while a write takes
// new space.
void RecordFile::grow(uint64_t slot) {
  const uint64_t region = slot / slots_a_region_, first = region * slots_a_region_ + grown_[region];
  if (slot < first) return;
  const uint64_t end = (region + 1) * slots_a_region_, last = std::min(end, slot + 1 + grown_[region] / 4) - 1;
#ifdef __linux__
  const uint64_t from = offset_of(first), to = whole(end_of(last), kBlock);
  if (fallocate(descriptor_, 0, off_t(from), off_t(to - from)) != 0 && errno == ENOSPC) {
    fail("the rows of a table cannot be written", errno);
  }
#endif
  grown_[region] = uint32_t(last + 1 - region * slots_a_region_);
}

// Whether sectors of the run have bytes of other records.
bool RecordFile::has_gaps(std::span<const Piece> run) const {
  const uint64_t begin = offset_of(run.front().slot), end = end_of(run.back().slot);
  const bool ends = end % sector_ == 0 || offset_of(run.back().slot + 1) >= whole(end, sector_);
  return begin % sector_ != 0 || !ends || run.back().slot - run.front().slot + 1 != run.size();
}

void RecordFile::write_run(std::span<const Piece> run) {
  const Range range = range_of(run);
  char* const buffer = buffer_of_thread(range.bytes);
  if (has_gaps(run)) read_at(range, buffer);
  else std::memset(buffer, 0, range.bytes);
  for (const Piece& piece : run) std::memcpy(buffer + (offset_of(piece.slot) - range.offset), piece.memory, piece.bytes);
  write_at(range, buffer);
}

void RecordFile::cut(uint64_t region) {
  const uint64_t end = region * region_bytes_;
  if (region < grown_.size()) std::fill(grown_.begin() + ptrdiff_t(region), grown_.end(), 0);
  struct stat status;
  if (fstat(descriptor_, &status) == 0 && uint64_t(status.st_size) <= end) return;
  if (ftruncate(descriptor_, off_t(end)) != 0) fail("the rows of a table cannot be written", errno);
}

// Beyond the end of the file there are zeros, as in its holes.
void RecordFile::read_at(Range range, char* to) {
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

void RecordFile::write_at(Range range, const char* from) {
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

uint64_t RecordFile::allocated() const {
  struct stat status;
  return fstat(descriptor_, &status) == 0 ? uint64_t(status.st_blocks) * 512 : 0;
}

void RecordFile::fail(const char* what, int error) const {
  const bool full = error == ENOSPC || error == EDQUOT || error == EFBIG;
  throw Error({what, directory_, std::string(std::strerror(error)) + ", in " + directory_,
               full ? "room for the rows that do not fit in memory" : "a disk that can be read and written",
               full ? "Free space there, or set store.path to a directory on a larger disk."
                    : "Check the disk, or set store.path to another directory."});
}

}  // namespace pairloom
