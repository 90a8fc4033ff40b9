// Where the rows of a table are that memory does not hold as a whole.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace pairloom {

struct RowNames;

// Brings the rows of a step into frames: places in the memory that kernels see.
class RowFrames {
 public:
  virtual ~RowFrames() = default;

  // The names of the rows in the frames. Stays valid.
  virtual const RowNames* names() const = 0;
  // Each row becomes its frame, where it is until the next call. Throws Error if there are not enough frames, or if the
  // disk fails; then no row is lost. `trains`: the step may change the rows.
  virtual void place(std::span<uint64_t> rows, bool trains) = 0;
  // The rows that the next `place` (`ahead` 1) or a later one will probably get, appended by a function that another
  // thread calls, after those of earlier calls. It has returned when `wait` returns.
  virtual void prefetch(uint32_t ahead, std::function<void(std::vector<uint64_t>&)> rows) = 0;
  virtual void wait() = 0;
};

}  // namespace pairloom
