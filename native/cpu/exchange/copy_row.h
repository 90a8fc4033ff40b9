// Copies rows of tables one by one.
#pragma once

#include <cstddef>
#include <cstring>

namespace pairloom {

// A call of memcpy takes longer than copying a row of usual width.
inline void copy_row(void* to, const void* from, size_t bytes) {
  constexpr size_t kBlock = 64, kBlocks = 8;
  if (bytes > kBlock * kBlocks) return void(std::memcpy(to, from, bytes));
  auto out = static_cast<char*>(to);
  auto in = static_cast<const char*>(from);
  for (; bytes >= kBlock; bytes -= kBlock, out += kBlock, in += kBlock) std::memcpy(out, in, kBlock);
  for (; bytes >= 4; bytes -= 4, out += 4, in += 4) std::memcpy(out, in, 4);
  if (bytes > 0) std::memcpy(out, in, bytes);
}

}  // namespace pairloom
