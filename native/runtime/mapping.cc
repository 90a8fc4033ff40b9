#include "runtime/mapping.h"

#include <algorithm>

#include "platform/failure.h"
#include "platform/pages.h"
#include "program/error.h"

namespace pairloom {
namespace {

[[noreturn]] void fail(const std::string& path) {
  throw Error({"a file cannot be mapped", path, last_failure().reason, "a readable file", "Check the path."});
}

}  // namespace

Mapping::Mapping(const std::string& path) {
  const InputFile file(path);
  if (!file.is_open()) fail(path);
  map(file, path, 0, file.size(), 0);
}

Mapping::Mapping(const std::string& path, uint64_t offset, uint64_t bytes, uint64_t reserved) {
  const InputFile file(path);
  if (!file.is_open()) fail(path);
  if (offset > file.size() || bytes > file.size() - offset) {
    throw Error({"a file is shorter than the range to map", path, std::to_string(file.size()) + " bytes",
                 "at least " + std::to_string(offset + bytes) + " bytes", ""});
  }
  map(file, path, offset, bytes, reserved);
}

Mapping::~Mapping() {
  if (pages_.begin != nullptr) unmap_file(pages_);
}

void Mapping::map(const InputFile& file, const std::string& path, uint64_t offset, uint64_t bytes, uint64_t reserved) {
  const uint64_t total = std::max(bytes, reserved);
  if (total == 0) return;
  const std::optional<FilePages> pages = file.map(offset, bytes, total, bytes < machine_bytes() / 2);
  if (!pages) fail(path);
  pages_ = *pages;
}

}  // namespace pairloom
