// A file that nobody else sees, and that is gone with the process, however it ends.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace pairloom {

// Sparse, where the file system can do that. Threads may read and write at once. A call that the system refuses returns
// false or -1; last_failure() says why.
class HiddenFile {
 public:
  explicit HiddenFile(std::string directory) : directory_(std::move(directory)) {}
  ~HiddenFile() { close(); }
  HiddenFile(const HiddenFile&) = delete;
  HiddenFile& operator=(const HiddenFile&) = delete;

  // An empty file, in place of the one before. `direct`: read and written past the page cache, in whole sectors.
  bool open(bool direct);
  // How many bytes; 0 at the end of the file.
  int64_t read(uint64_t offset, size_t bytes, char* to) const;
  int64_t write(uint64_t offset, size_t bytes, const char* from) const;
  // Leaves no more than these bytes.
  bool cut(uint64_t end) const;
  // Bytes of the disk that it takes.
  uint64_t allocated() const;
  // Advice that nobody needs these bytes of the page cache.
  void forget(uint64_t offset, size_t bytes) const;

 private:
  void close();

  const std::string directory_;
  intptr_t handle_ = -1;
};

}  // namespace pairloom
