#include <windows.h>

#include <malloc.h>

#include "platform/pages.h"

namespace pairloom {

size_t page_bytes() {
  SYSTEM_INFO info;
  GetSystemInfo(&info);
  return info.dwPageSize;
}

uint64_t machine_bytes() {
  MEMORYSTATUSEX status{};
  status.dwLength = sizeof(status);
  return GlobalMemoryStatusEx(&status) ? status.ullTotalPhys : 0;
}

// Windows promises every page that may be touched.
void* map_pages(size_t bytes, bool) { return VirtualAlloc(nullptr, bytes, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE); }

// Large pages of Windows need a right that few users have.
void* map_huge_pages(size_t bytes, size_t, bool promised) { return map_pages(bytes, promised); }

void unmap_pages(void* pages, size_t) { VirtualFree(pages, 0, MEM_RELEASE); }

void forget_pages(void* pages, size_t bytes) { VirtualAlloc(pages, bytes, MEM_RESET, PAGE_READWRITE); }

bool guard_pages(void* pages, size_t bytes) {
  DWORD before;
  return VirtualProtect(pages, bytes, PAGE_NOACCESS, &before) != 0;
}

void* allocate_aligned(size_t alignment, size_t bytes) { return _aligned_malloc(bytes, alignment); }

void free_aligned(void* block) { _aligned_free(block); }

}  // namespace pairloom
