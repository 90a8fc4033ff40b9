// A sparse file that nobody else sees, and that is gone with the process, however it ends.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "platform/hidden_file.h"

namespace pairloom {

// The next multiple of the unit.
inline uint64_t round_up(uint64_t bytes, uint64_t unit) { return (bytes + unit - 1) / unit * unit; }

// Memory of this thread for the given number of bytes of such a file; what it had before is lost.
char* buffer_of_thread(size_t bytes);

// Read and written past the page cache, where the file system allows this. Threads may call it at once.
class ScratchFile {
 public:
  // Throws Error if the directory has no room for such a file.
  explicit ScratchFile(const std::string& directory);
  ScratchFile(const ScratchFile&) = delete;
  ScratchFile& operator=(const ScratchFile&) = delete;

  // Whole sectors of the file.
  struct Range {
    uint64_t offset;
    size_t bytes;
  };
  Range range_of(uint64_t begin, uint64_t end) const;

  // Memory from `buffer_of_thread`. Both throw Error when the disk fails.
  void read(Range range, char* to);
  void write(Range range, const char* from);
  // What is from this byte on is lost and takes no space any more.
  void cut(uint64_t end);

  uint64_t reads() const { return reads_; }
  uint64_t writes() const { return writes_; }
  uint64_t bytes_read() const { return bytes_read_; }
  uint64_t bytes_written() const { return bytes_written_; }
  // Bytes of the disk that it takes.
  uint64_t allocated() const { return file_.allocated(); }

 private:
  void find_sectors();
  [[noreturn]] void fail(const char* what) const;

  const std::string directory_;
  HiddenFile file_;
  size_t sector_ = 1;    // offsets and sizes are multiples of it
  bool direct_ = false;  // past the page cache
  std::atomic<uint64_t> reads_{0}, writes_{0}, bytes_read_{0}, bytes_written_{0};
};

}  // namespace pairloom
