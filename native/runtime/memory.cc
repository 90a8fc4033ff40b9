#include "runtime/memory.h"

#include <cstdint>
#include <cstring>
#include <string>

#include "platform/pages.h"
#include "program/error.h"

namespace pairloom {
namespace {

constexpr size_t kAlignment = 64, kHugePage = size_t{2} << 20;

[[noreturn]] void refuse(size_t bytes) {
  throw Error({"out of memory", "native core", std::to_string(bytes) + " bytes refused", "",
               "Use a smaller batch, or a machine with more memory."});
}

bool mapped(size_t bytes) { return bytes >= kHugePage; }

size_t in_huge_pages(size_t bytes) { return (bytes + kHugePage - 1) / kHugePage * kHugePage; }

void* map_block(size_t bytes, bool promised) {
  const size_t size = in_huge_pages(bytes);
  return size < bytes ? nullptr : map_huge_pages(size, kHugePage, promised);
}

}  // namespace

void* allocate_block(size_t bytes, size_t used) {
  const size_t size = (bytes + kAlignment) / kAlignment * kAlignment;  // never 0
  void* block = mapped(bytes) ? map_block(bytes, used == bytes) : allocate_aligned(kAlignment, size);
  if (block == nullptr) refuse(bytes);
  if (!mapped(bytes)) std::memset(block, 0, size);
  return block;
}

void free_block(void* block, size_t bytes) {
  if (block == nullptr) return;
  if (mapped(bytes)) unmap_pages(block, in_huge_pages(bytes));
  else free_aligned(block);
}

void release_block(void* begin, size_t bytes) {
  if (!mapped(bytes)) return;
  const uintptr_t page = page_bytes(), first = reinterpret_cast<uintptr_t>(begin);
  const uintptr_t from = (first + page - 1) / page * page, to = (first + bytes) / page * page;
  if (from < to) forget_pages(reinterpret_cast<void*>(from), to - from);
}

}  // namespace pairloom
