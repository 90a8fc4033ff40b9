// Maps a range of a file into memory.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "platform/mapped_file.h"

namespace pairloom {

// A private mapping: its pages are shared with other processes that map the file until this process writes to them; the
// file never changes. It is writable so that a stray write damages only this process's copy of a page and does not
// crash it; on Windows, where such pages would count as memory of the process, it is not. The file must not be truncated
// meanwhile.
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
    return *this;
  }

  void* data() const { return pages_.begin == nullptr ? nullptr : static_cast<char*>(pages_.begin) + pages_.skipped; }
  uint64_t bytes() const { return pages_.total - pages_.skipped; }

 private:
  void map(const InputFile& file, const std::string& path, uint64_t offset, uint64_t bytes, uint64_t reserved);

  FilePages pages_;  // none if the range is empty
};

}  // namespace pairloom
