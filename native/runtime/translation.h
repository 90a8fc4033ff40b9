// Maps ids to table rows, between columns of ids and the kernels, which only see rows.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "runtime/slot_map.h"
#include "runtime/row_frames.h"

namespace pairloom {

class KeptRows;

// What training means by the rows of a table: their keys, for rows that are frames the rows in them, or for the rows of
// a rank those of the whole table.
struct RowNames {
  const uint64_t* keys;         // by row; null for a shard
  bool has_unknown;             // whether row 0 has no name
  bool trains_unknown;          // whether it is trained all the same
  const Shard* shard = nullptr;
  const uint32_t* rows = nullptr;  // of the table, by the row that a rank keeps of a dynamic one

  bool is_unknown(uint64_t row) const { return has_unknown && row == 0; }
  uint64_t key_of(uint64_t row) const {
    if (shard != nullptr) return shard->name_of(row);
    if (is_unknown(row)) return 0;
    return keys[rows != nullptr ? rows[row] : row];
  }
  uint64_t first_trained() const { return has_unknown && !trains_unknown ? 1 : 0; }
};

// Rows that may lose their keys by their norms, in an order that is the same on all ranks that keep them.
struct NormedRows {
  std::vector<uint32_t> rows;
  std::vector<double> squares;  // of the numbers that have been added
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

  // The rows that this rank keeps, if their values are divided among ranks; null: all. Stays valid.
  virtual const KeptRows* kept() const { return nullptr; }

  // The current row of each id. Ids without a row get the row reserved for them. Threads may call it at once.
  virtual void translate(std::span<const uint64_t> ids, std::span<uint64_t> rows) const = 0;

  // A training step: `outdated` lists those ids whose rows this process keeps that lose them by their values;
  // `begin_step` takes the rows of those that all ranks have listed, and of others that the step cannot find any more; then
  // come `translate` with the ids of the step, and `admit` with them and the rows that it gave. There ids without a row may
  // get one. On failure all throw Error; the changes of the step are reverted.
  virtual bool lists_outdated(uint64_t) const { return false; }
  virtual std::vector<uint64_t> outdated() const { return {}; }
  // The same of rows of which this rank has some columns. The squares of whole rows are those of all tables of weights, one after
  // the other.
  virtual uint32_t weights() const { return 0; }
  virtual NormedRows normed_rows() const { return {}; }
  virtual void add_squares(uint32_t, NormedRows&) const {}
  virtual std::vector<uint64_t> outdated(const NormedRows&) const { return {}; }
  virtual void begin_step(uint64_t, std::span<const uint64_t>) {}
  virtual void admit(std::span<const uint64_t> ids, std::span<uint64_t> rows, uint64_t step) = 0;

  // Reverts the last step, because it failed elsewhere.
  virtual void revert() = 0;

  // The state changed by training, for checkpoints. `restore` throws Error if the state belongs to another translation.
  virtual std::vector<int64_t> state() const = 0;
  virtual void restore(std::span<const int64_t> state) = 0;

  // Where the rows are, if memory does not hold all of them; otherwise null. Set before a program binds the translation.
  RowFrames* frames() const { return frames_.get(); }
  void put_in(std::shared_ptr<RowFrames> frames) { frames_ = std::move(frames); }

 private:
  std::shared_ptr<RowFrames> frames_;
};

}  // namespace pairloom
