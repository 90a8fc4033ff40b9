// A range of a file as memory.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

namespace pairloom {

// A private mapping: its pages are shared with every process that maps the file until this one writes to them, and the
// file never changes. Writable all the same, so that a stray write harms this process's copy of a page and not the
// process. The file must not be truncated meanwhile.
class Mapping {
 public:
  // The whole file. Throws Error.
  explicit Mapping(const std::string& path);
  // `bytes` bytes from `offset` on, all of which the file must have. Throws Error.
  Mapping(const std::string& path, uint64_t offset, uint64_t bytes);
  ~Mapping();
  Mapping(Mapping&& other) noexcept { *this = std::move(other); }
  Mapping& operator=(Mapping&& other) noexcept {
    std::swap(pages_, other.pages_);
    std::swap(skipped_, other.skipped_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }

  void* data() const { return pages_ == nullptr ? nullptr : static_cast<char*>(pages_) + skipped_; }
  uint64_t bytes() const { return bytes_; }

 private:
  void map(int descriptor, const std::string& path, uint64_t offset, uint64_t bytes);

  void* pages_ = nullptr;  // null where the range is empty
  size_t skipped_ = 0;     // from the start of the first page
  uint64_t bytes_ = 0;
};

}  // namespace pairloom
