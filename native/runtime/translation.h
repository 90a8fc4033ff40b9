// Maps ids to table rows, between columns of ids and the kernels, which only see rows.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace pairloom {

// Programs bind a translation by name, like parameters. Training, evaluation and prediction share one object; only
// `admit` and `restore` change it.
class Translation {
 public:
  virtual ~Translation() = default;

  // Number of rows of the table; every row returned is below it.
  virtual uint64_t rows() const = 0;

  // The current row of each id. Ids without a row get the row reserved for them.
  virtual void translate(std::span<const uint64_t> ids, std::span<uint64_t> rows) const = 0;

  // The row of each id in a training step, in row order; ids without a row may get one. On failure throws Error and
  // changes nothing.
  virtual void admit(std::span<const uint64_t> ids, std::span<uint64_t> rows) = 0;

  // Reverts the last `admit`, because the step failed elsewhere.
  virtual void revert() = 0;

  // The state changed by `admit`, for checkpoints. `restore` throws Error if the state belongs to another translation.
  virtual std::vector<int64_t> state() const = 0;
  virtual void restore(std::span<const int64_t> state) = 0;
};

}  // namespace pairloom
