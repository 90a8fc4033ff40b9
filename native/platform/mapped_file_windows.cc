#include <windows.h>

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

// The view shows whole pages; with further ones after it, what the file has of the last page is a copy.
bool has_rest(const FilePages& pages) { return pages.total > pages.in_file; }
uint64_t in_view(const FilePages& pages) {
  return has_rest(pages) ? pages.in_file / page_bytes() * page_bytes() : pages.in_file;
}

void release(void* pages) {
  const DWORD error = GetLastError();
  VirtualFree(pages, 0, MEM_RELEASE);
  SetLastError(error);
}

// Calls of Windows 10 1803, which reserve addresses that a view and memory then take the place of.
class Placeholders {
 public:
  Placeholders() {
    const HMODULE library = GetModuleHandleW(L"kernelbase.dll");
    allocate_ = reinterpret_cast<Allocate>(reinterpret_cast<void*>(GetProcAddress(library, "VirtualAlloc2")));
    view_ = reinterpret_cast<View>(reinterpret_cast<void*>(GetProcAddress(library, "MapViewOfFile3")));
  }

  // The first `in_view` bytes of `total` show the section from `first` on, the others are zeros. Both are whole pages.
  // Null if the system refuses.
  char* map(HANDLE section, uint64_t first, uint64_t in_view, uint64_t total) const {
    if (allocate_ == nullptr || view_ == nullptr) return SetLastError(ERROR_OLD_WIN_VERSION), nullptr;
    char* const begin = allocate(nullptr, total, MEM_RESERVE | kPlaceholder, PAGE_NOACCESS);
    if (begin == nullptr) return nullptr;
    if (!VirtualFree(begin, in_view, MEM_RELEASE | kSplit)) return release(begin), nullptr;
    char* const rest = begin + in_view;
    if (!view_(section, GetCurrentProcess(), begin, first, in_view, kReplace, PAGE_READONLY, nullptr, 0)) {
      return release(begin), release(rest), nullptr;
    }
    if (allocate(rest, total - in_view, MEM_RESERVE | MEM_COMMIT | kReplace, PAGE_READWRITE)) return begin;
    release(rest);
    return UnmapViewOfFile(begin), nullptr;
  }

 private:
  using Allocate = PVOID(WINAPI*)(HANDLE, PVOID, SIZE_T, ULONG, ULONG, void*, ULONG);
  using View = PVOID(WINAPI*)(HANDLE, HANDLE, PVOID, ULONG64, SIZE_T, ULONG, ULONG, void*, ULONG);
  static constexpr ULONG kPlaceholder = 0x40000, kReplace = 0x4000, kSplit = 0x2;  // MEM_…_PLACEHOLDER

  char* allocate(void* at, uint64_t bytes, ULONG kind, ULONG access) const {
    return static_cast<char*>(allocate_(GetCurrentProcess(), at, bytes, kind, access, nullptr, 0));
  }

  Allocate allocate_;
  View view_;
};

bool read_range(HANDLE file, uint64_t offset, uint64_t bytes, char* to) {
  OVERLAPPED place{};
  place.Offset = DWORD(offset);
  place.OffsetHigh = DWORD(offset >> 32);
  DWORD done = 0;
  return ReadFile(file, to, DWORD(bytes), &done, &place) && done == bytes;
}

char* map_view(HANDLE section, uint64_t first, const FilePages& pages) {
  if (!has_rest(pages)) {
    return static_cast<char*>(MapViewOfFile(section, FILE_MAP_READ, DWORD(first >> 32), DWORD(first), pages.in_file));
  }
  const uint64_t total = (pages.total + page_bytes() - 1) / page_bytes() * page_bytes(), view = in_view(pages);
  return view > 0 ? Placeholders().map(section, first, view, total) : static_cast<char*>(map_pages(total, false));
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
  const size_t skipped = offset % granularity();
  const uint64_t first = offset - skipped;
  FilePages pages = {nullptr, skipped, bytes == 0 ? 0 : skipped + bytes, skipped + total};
  const HANDLE section = bytes == 0 ? nullptr : CreateFileMappingW(file, nullptr, PAGE_READONLY, 0, 0, nullptr);
  if (bytes > 0 && section == nullptr) return std::nullopt;
  pages.begin = map_view(section, first, pages);
  if (section != nullptr) CloseHandle(section);  // the view keeps it
  if (pages.begin == nullptr) return std::nullopt;
  const uint64_t view = in_view(pages);
  if (view < pages.in_file && !read_range(file, first + view, pages.in_file - view, static_cast<char*>(pages.begin) + view)) {
    unmap_file(pages);
    return std::nullopt;
  }
  if (soon && view > 0) read_soon(pages.begin, view);
  return pages;
}

void unmap_file(const FilePages& pages) {
  const uint64_t view = in_view(pages);
  if (view > 0) UnmapViewOfFile(pages.begin);
  if (has_rest(pages)) release(static_cast<char*>(pages.begin) + view);
}

}  // namespace pairloom
