#include <cerrno>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "platform/mapped_file.h"
#include "platform/pages.h"

namespace pairloom {

InputFile::InputFile(const std::string& path) : handle_(open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
  struct stat status;
  if (handle_ < 0 || fstat(int(handle_), &status) != 0) return;
  if (S_ISREG(status.st_mode)) size_ = uint64_t(status.st_size);
  else errno = EINVAL;
}

InputFile::~InputFile() {
  if (handle_ >= 0) close(int(handle_));
}

std::optional<FilePages> InputFile::map(uint64_t offset, uint64_t bytes, uint64_t total, bool soon) const {
  constexpr int kAccess = PROT_READ | PROT_WRITE, kPrivate = MAP_PRIVATE | MAP_NORESERVE;
  const size_t skipped = offset % page_bytes();
  const FilePages pages = {map_pages(skipped + total, false), skipped, bytes == 0 ? 0 : skipped + bytes, skipped + total};
  if (pages.begin == nullptr) return std::nullopt;
  if (bytes == 0) return pages;
  const off_t first = off_t(offset - skipped);
  if (mmap(pages.begin, pages.in_file, kAccess, kPrivate | MAP_FIXED, int(handle_), first) == MAP_FAILED) {
    const int error = errno;
    unmap_file(pages);
    errno = error;
    return std::nullopt;
  }
  if (soon) madvise(pages.begin, pages.in_file, MADV_WILLNEED);
  return pages;
}

void unmap_file(const FilePages& pages) { unmap_pages(pages.begin, pages.total); }

}  // namespace pairloom
