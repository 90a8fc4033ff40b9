// From an id to the row of a table: what stands between a column of ids and the kernels, which only see rows.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace pairloom {

// Programs bind a translation by name, as they bind parameters. One object serves training, evaluation and prediction;
// only `admit` and `restore` change it.
class Translation {
 public:
  virtual ~Translation() = default;

  // Rows of the table: every row that it gives is below.
  virtual uint64_t rows() const = 0;

  // The row of each id, as it stands. An id without a row gets the row that the translation has for such ids.
  virtual void translate(std::span<const uint64_t> ids, std::span<uint64_t> rows) const = 0;

  // The row of each id of a training step, in the order of its samples; ids without a row may get one. Throws Error and
  // is as before if it cannot.
  virtual void admit(std::span<const uint64_t> ids, std::span<uint64_t> rows) = 0;

  // Takes back what the last `admit` changed: the step failed elsewhere.
  virtual void revert() = 0;

  // All that `admit` has changed, for checkpoints. `restore` throws Error if the state is not one of this translation.
  virtual std::vector<int64_t> state() const = 0;
  virtual void restore(std::span<const int64_t> state) = 0;
};

}  // namespace pairloom
