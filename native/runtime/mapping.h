// Maps a range of a file into memory.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

namespace pairloom {

// A private mapping: its pages are shared with other processes that map the file until this process writes to them; the
// file never changes. It is writable so that a stray write damages only this process's copy of a page and does not
// crash it. The file must not be truncated meanwhile.
class Mapping {
 public:
  // The whole file. Throws Error.
  explicit Mapping(const std::string& path);
  // `bytes` bytes beginning at `offset`; the file must contain all of them. Beyond them addresses up to `reserved`
  // bytes are mapped, too, with no file and no memory behind them. Throws Error.
  Mapping(const std::string& path, uint64_t offset, uint64_t bytes, uint64_t reserved = 0);
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
  void map(int descriptor, const std::string& path, uint64_t offset, uint64_t bytes, uint64_t reserved);

  void* pages_ = nullptr;  // null if the range is empty
  size_t skipped_ = 0;     // from the start of the first page
  uint64_t bytes_ = 0;
};

}  // namespace pairloom
