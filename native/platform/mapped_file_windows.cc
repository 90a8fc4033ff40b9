#include <windows.h>

#include <algorithm>

#include "platform/mapped_file.h"
#include "platform/pages.h"
#include "platform/wide.h"

namespace pairloom {
namespace {

uint64_t granularity() {
  SYSTEM_INFO info;
  GetSystemInfo(&info);
  return info.dwAllocationGranularity;
}

// A view has no pages after those of the file: where there are further ones, all are a copy.
bool is_copy(const FilePages& pages) { return pages.total > pages.in_file; }

bool read_range(HANDLE file, uint64_t offset, uint64_t bytes, char* to) {
  constexpr uint64_t kMost = uint64_t{1} << 30;  // of a call
  for (uint64_t done = 0; done < bytes;) {
    OVERLAPPED place{};
    place.Offset = DWORD(offset + done);
    place.OffsetHigh = DWORD((offset + done) >> 32);
    DWORD got = 0;
    if (!ReadFile(file, to + done, DWORD(std::min(bytes - done, kMost)), &got, &place)) return false;
    done += got;
  }
  return true;
}

std::optional<FilePages> copy_range(HANDLE file, uint64_t offset, uint64_t bytes, uint64_t total) {
  const FilePages pages = {map_pages(total, false), 0, bytes, total};
  if (pages.begin == nullptr) return std::nullopt;
  if (read_range(file, offset, bytes, static_cast<char*>(pages.begin))) return pages;
  const DWORD error = GetLastError();
  unmap_file(pages);
  SetLastError(error);
  return std::nullopt;
}

void* map_view(HANDLE file, uint64_t first, uint64_t bytes) {
  const HANDLE section = CreateFileMappingW(file, nullptr, PAGE_READONLY, 0, 0, nullptr);
  if (section == nullptr) return nullptr;
  void* const view = MapViewOfFile(section, FILE_MAP_READ, DWORD(first >> 32), DWORD(first), bytes);
  const DWORD error = GetLastError();
  CloseHandle(section);  // the view keeps it
  SetLastError(error);
  return view;
}

void read_soon(void* pages, uint64_t bytes) {
  WIN32_MEMORY_RANGE_ENTRY range{pages, bytes};
  PrefetchVirtualMemory(GetCurrentProcess(), 1, &range, 0);  // only advice
}

}  // namespace

InputFile::InputFile(const std::string& path)
    : handle_(intptr_t(CreateFileW(wide(path).c_str(), GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
                                   nullptr, OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL, nullptr))) {
  LARGE_INTEGER size;
  if (handle_ != intptr_t(INVALID_HANDLE_VALUE) && GetFileSizeEx(HANDLE(handle_), &size)) size_ = uint64_t(size.QuadPart);
}

InputFile::~InputFile() {
  if (handle_ != intptr_t(INVALID_HANDLE_VALUE)) CloseHandle(HANDLE(handle_));
}

std::optional<FilePages> InputFile::map(uint64_t offset, uint64_t bytes, uint64_t total, bool soon) const {
  const HANDLE file = HANDLE(handle_);
  if (total > bytes) return copy_range(file, offset, bytes, total);
  const size_t skipped = offset % granularity();
  const FilePages pages = {map_view(file, offset - skipped, skipped + bytes), skipped, skipped + bytes, skipped + bytes};
  if (pages.begin == nullptr) return std::nullopt;
  if (soon) read_soon(pages.begin, pages.in_file);
  return pages;
}

void unmap_file(const FilePages& pages) {
  if (is_copy(pages)) unmap_pages(pages.begin, pages.total);
  else UnmapViewOfFile(pages.begin);
}

}  // namespace pairloom
