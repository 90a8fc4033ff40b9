// Memory from the system, in whole pages.
#pragma once

#include <cstddef>
#include <cstdint>

namespace pairloom {

size_t page_bytes();
// The memory of the machine.
uint64_t machine_bytes();

// Zeros, which take no memory until they are written to. `promised`: the system keeps memory for all of them; Windows
// always does. Null if it refuses.
void* map_pages(size_t bytes, bool promised);
// The same, for huge pages where the system has them: aligned to `huge_page`, of which `bytes` is a multiple.
void* map_huge_pages(size_t bytes, size_t huge_page, bool promised);
// All pages of a call above.
void unmap_pages(void* pages, size_t bytes);
// Gives the memory of whole pages back: they are zeros again, or as they were.
void forget_pages(void* pages, size_t bytes);
// Ends the process if one of these pages is touched. Returns whether the system does so.
bool guard_pages(void* pages, size_t bytes);

// A small block; null if there is no memory. `bytes` is a multiple of the alignment.
void* allocate_aligned(size_t alignment, size_t bytes);
void free_aligned(void* block);

}  // namespace pairloom
