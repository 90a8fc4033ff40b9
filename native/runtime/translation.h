// Maps ids to table rows, between columns of ids and the kernels, which only see rows.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace pairloom {

// What training means by the rows of a table: their keys. Row 0 has none.
struct RowNames {
  const uint64_t* keys;  // by row
  bool trains_unknown;   // whether row 0 is trained

  uint64_t key_of(uint64_t row) const { return row == 0 ? 0 : keys[row]; }
};

// Programs bind a translation by name, like parameters. Training, evaluation and prediction share one object; only
// training steps and `restore` change it.
class Translation {
 public:
  virtual ~Translation() = default;

  // Number of rows of the table; every row returned is below it.
  virtual uint64_t rows() const = 0;
  // Null if a row is its own name. Stays valid.
  virtual const RowNames* names() const { return nullptr; }

  // The current row of each id. Ids without a row get the row reserved for them. Threads may call it at once.
  virtual void translate(std::span<const uint64_t> ids, std::span<uint64_t> rows) const = 0;

  // A training step: `begin_step` takes rows from ids that the step cannot find any more; then come `translate` with
  // the ids of the step, and `admit` with them and the rows that it gave. There ids without a row may get one. On
  // failure both throw Error; the changes of the step are reverted.
  virtual void begin_step(uint64_t) {}
  virtual void admit(std::span<const uint64_t> ids, std::span<uint64_t> rows, uint64_t step) = 0;

  // Reverts the last step, because it failed elsewhere.
  virtual void revert() = 0;

  // The state changed by training, for checkpoints. `restore` throws Error if the state belongs to another translation.
  virtual std::vector<int64_t> state() const = 0;
  virtual void restore(std::span<const int64_t> state) = 0;
};

}  // namespace pairloom
