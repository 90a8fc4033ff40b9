#include "runtime/memory.h"

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>

#include <sys/mman.h>
#include <unistd.h>

#include "program/error.h"

namespace pairloom {
namespace {

constexpr size_t kAlignment = 64, kHugePage = size_t{2} << 20;

[[noreturn]] void refuse(size_t bytes) {
  throw Error({"out of memory", "native core", std::to_string(bytes) + " bytes refused", "",
               "Use a smaller batch, or a machine with more memory."});
}

bool mapped(size_t bytes) { return bytes >= kHugePage; }

// A mapping aligned to huge pages: maps one page more and unmaps the ends.
void* map_block(size_t bytes, bool promised) {
  const size_t size = (bytes + kHugePage - 1) / kHugePage * kHugePage;
  if (size < bytes) return nullptr;
  const int flags = MAP_PRIVATE | MAP_ANONYMOUS | (promised ? 0 : MAP_NORESERVE);
  void* raw = mmap(nullptr, size + kHugePage, PROT_READ | PROT_WRITE, flags, -1, 0);
  if (raw == MAP_FAILED) return nullptr;
  char* begin = static_cast<char*>(raw);
  const size_t skip = (kHugePage - reinterpret_cast<size_t>(begin) % kHugePage) % kHugePage;
  if (skip > 0) munmap(begin, skip);
  munmap(begin + skip + size, kHugePage - skip);
#ifdef MADV_HUGEPAGE
  madvise(begin + skip, size, MADV_HUGEPAGE);  // only advice: without it the block is slower
#endif
  return begin + skip;
}

}  // namespace

void* allocate_block(size_t bytes, size_t used) {
  const size_t size = (bytes + kAlignment) / kAlignment * kAlignment;  // never 0
  void* block = mapped(bytes) ? map_block(bytes, used == bytes) : std::aligned_alloc(kAlignment, size);
  if (block == nullptr) refuse(bytes);
  if (!mapped(bytes)) std::memset(block, 0, size);
  return block;
}

void free_block(void* block, size_t bytes) {
  if (block == nullptr) return;
  if (mapped(bytes)) munmap(block, (bytes + kHugePage - 1) / kHugePage * kHugePage);
  else std::free(block);
}

void release_block(void* begin, size_t bytes) {
  if (!mapped(bytes)) return;
  const uintptr_t page = uintptr_t(sysconf(_SC_PAGESIZE)), first = reinterpret_cast<uintptr_t>(begin);
  const uintptr_t from = (first + page - 1) / page * page, to = (first + bytes) / page * page;
  if (from < to) madvise(reinterpret_cast<void*>(from), to - from, MADV_DONTNEED);
}

}  // namespace pairloom
