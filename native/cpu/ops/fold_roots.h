// Adds the roots of the tree that threads have left.
#pragma once

#include <algorithm>
#include <bit>
#include <cstring>
#include <span>

#include "cpu/bound.h"
#include "cpu/reduce.h"

namespace pairloom {

constexpr size_t kRootBlock = 1024;  // floats: a block of every root stays in the first-level cache while they are added

// The sum along the tree of `count` roots from `first` on, for one block of elements.
class RootSum {
 public:
  RootSum(const KernelTable& kernels, std::span<const PartialSums> roots, size_t offset, size_t size)
      : kernels_(kernels), roots_(roots), offset_(offset), size_(size) {}

  // The sum itself where it is one root's, else `to`.
  const float* operator()(size_t first, size_t count, float* to, uint32_t level = 0) {
    if (count == 1) return roots_[first].data + offset_;
    const size_t left = std::bit_ceil(count) / 2;  // the tree's left subtree is full
    const float* a = (*this)(first, left, to, level + 1);
    const float* b = (*this)(first + left, count - left, spare_[level], level + 1);
    kernels_.add({a, size_}, {b, size_}, {to, size_}, 1, uint32_t(size_));
    return to;
  }

 private:
  static constexpr uint32_t kMostLevels = 11;  // of roots: as many as threads at most

  const KernelTable& kernels_;
  const std::span<const PartialSums> roots_;
  const size_t offset_, size_;
  alignas(64) float spare_[kMostLevels][kRootBlock];
};

// The elements [offset, offset + size) of the partial results.
inline void sum_roots(const KernelTable& kernels, std::span<const PartialSums> roots, size_t offset, size_t size,
                      float* to) {
  for (size_t at = 0; at < size; at += kRootBlock) {
    const size_t count = std::min(kRootBlock, size - at);
    RootSum sum(kernels, roots, offset + at, count);
    const float* result = sum(0, roots.size(), to + at);
    if (result != to + at) std::memcpy(to + at, result, count * sizeof(float));
  }
}

struct Moments {
  float mean, m2;
  uint32_t rows;
};

inline Moments merged(Moments a, Moments b) {
  merge_moments({{&a.mean, &a.m2}, a.rows}, {{&b.mean, &b.m2}, b.rows}, {{&a.mean, &a.m2}, a.rows}, 1);
  a.rows += b.rows;
  return a;
}

// Of the element whose mean and M2 are at these offsets of the partial results.
inline Moments merge_roots(std::span<const PartialSums> roots, size_t mean, size_t m2) {
  if (roots.size() == 1) return {roots[0].data[mean], roots[0].data[m2], roots[0].rows};
  const size_t left = std::bit_ceil(roots.size()) / 2;
  return merged(merge_roots(roots.first(left), mean, m2), merge_roots(roots.subspan(left), mean, m2));
}

}  // namespace pairloom
