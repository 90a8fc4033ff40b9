// Files as memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace pairloom {

// Pages that show a range of a file, and further ones that are zeros and take no memory.
struct FilePages {
  void* begin = nullptr;
  size_t skipped = 0;  // bytes from the first page to the range
  uint64_t in_file = 0, total = 0;  // bytes from the first page
};

// A regular file that is open for reading.
class InputFile {
 public:
  // See last_failure() if it is not open then.
  explicit InputFile(const std::string& path);
  ~InputFile();
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  bool is_open() const { return size_.has_value(); }
  uint64_t size() const { return *size_; }
  // `total`: at least `bytes`, and more than 0. Writing to the pages does not change the file; on Windows it ends the
  // process, and where `total` is more, the pages are a copy. `soon`: the system starts reading. Nothing if it refuses.
  std::optional<FilePages> map(uint64_t offset, uint64_t bytes, uint64_t total, bool soon) const;

 private:
  intptr_t handle_;
  std::optional<uint64_t> size_;
};

void unmap_file(const FilePages& pages);

}  // namespace pairloom
