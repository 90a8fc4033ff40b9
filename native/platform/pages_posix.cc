#include <cstdlib>

#include <sys/mman.h>
#include <unistd.h>

#include "platform/pages.h"

namespace pairloom {

size_t page_bytes() { return size_t(sysconf(_SC_PAGESIZE)); }

uint64_t machine_bytes() { return uint64_t(sysconf(_SC_PHYS_PAGES)) * page_bytes(); }

void* map_pages(size_t bytes, bool promised) {
  const int flags = MAP_PRIVATE | MAP_ANONYMOUS | (promised ? 0 : MAP_NORESERVE);
  void* const pages = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, flags, -1, 0);
  return pages == MAP_FAILED ? nullptr : pages;
}

// Maps one huge page more and unmaps the ends.
void* map_huge_pages(size_t bytes, size_t huge_page, bool promised) {
  char* const begin = static_cast<char*>(map_pages(bytes + huge_page, promised));
  if (begin == nullptr) return nullptr;
  const size_t skip = (huge_page - reinterpret_cast<size_t>(begin) % huge_page) % huge_page;
  if (skip > 0) munmap(begin, skip);
  munmap(begin + skip + bytes, huge_page - skip);
#ifdef MADV_HUGEPAGE
  madvise(begin + skip, bytes, MADV_HUGEPAGE);  // only advice: without it the block is slower
#endif
  return begin + skip;
}

void unmap_pages(void* pages, size_t bytes) { munmap(pages, bytes); }

void forget_pages(void* pages, size_t bytes) { madvise(pages, bytes, MADV_DONTNEED); }

bool guard_pages(void* pages, size_t bytes) { return mprotect(pages, bytes, PROT_NONE) == 0; }

void* allocate_aligned(size_t alignment, size_t bytes) { return std::aligned_alloc(alignment, bytes); }

void free_aligned(void* block) { std::free(block); }

}  // namespace pairloom
