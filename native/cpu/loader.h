// Copies the rows of a step from the caller's columns into the program's memory, and checks every id.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "runtime/order.h"
#include "runtime/random.h"
#include "runtime/request.h"

namespace pairloom {

struct StepContext;
struct Tile;
struct View;

class Loader {
 public:
  explicit Loader(const Program& program) : inputs_(program.inputs) {}

  // Binds columns of `rows` rows, read in order or permuted; those for masked samples, of one row, follow. Throws Error if a
  // column does not cover the rows.
  void bind(std::vector<Column> columns, uint64_t rows, std::optional<Permutation> order);

  // The source row of each position in [position, position + count).
  void locate(uint64_t position, uint32_t count, uint64_t* rows) const;

  // Gathers the tile's rows of an input. Invalid ids and bags are recorded and replaced by ones that are safe to look
  // up; the executor stops before anything is updated.
  void load(uint32_t input, const View& out, const Tile& tile);

  // The number of entries of a sequence before each row of the step that this rank has, and in all of them. Those of rows
  // whose offsets are wrong do not count.
  void count_entries(const std::string& sequence, const StepContext& step, std::vector<uint32_t>& before) const;

  // Appends the valid ids of inputs at positions [position, position + count) of the step, position by position.
  void append_rows(const std::vector<uint32_t>& inputs, uint64_t position, uint32_t count,
                   std::vector<uint64_t>& to) const;
  // The same for later steps, before samples are masked; while a step runs, too.
  void append_rows_ahead(const std::vector<uint32_t>& inputs, uint64_t position, uint32_t count,
                         std::vector<uint64_t>& to) const;

  // Discards what earlier steps recorded, and draws other samples to mask.
  void begin_step(const StepContext& step);
  // Whether an invalid value was found: entries of bags that are none must not be read.
  bool failed() const { return any_bad_.load(std::memory_order_relaxed); }
  // Throws the first invalid value of the step in row order, if there is one. Call between stages.
  void check();

 private:
  struct Bad {
    uint64_t position, row;
    uint32_t input;
    std::string what, got, expected;
  };

  // A row of a column.
  struct Place {
    const Column& column;
    uint64_t row;
  };

  // Where the value of an input is for a position of the step, whose row is `row`.
  Place place(uint32_t input, uint64_t position, uint64_t row) const {
    const uint64_t sample = position - first_position_;
    const uint64_t below = inputs_[input].masked_below;
    return below > 0 && draw(mask_keys_[input], sample) < below ? Place{masked_[input], 0} : Place{columns_[input], row};
  }

  uint64_t row_at(uint64_t position) const { return order_ ? (*order_)(position) : position; }
  void load_floats(uint32_t input, const View& out, const Tile& tile) const;
  template <class Id>
  void load_ids(uint32_t input, const View& out, const Tile& tile);
  template <class Id>
  void load_bags(uint32_t input, const View& out, const Tile& tile);
  // The entries of a row of a bag; none if its offsets are wrong.
  uint64_t entries_in(Place place) const;
  // The first input of a sequence.
  size_t leader_of(const std::string& sequence) const;
  void append_row(uint32_t input, Place place, std::vector<uint64_t>& to) const;
  template <class Id>
  void append_row(uint32_t input, Place place, std::vector<uint64_t>& to) const;
  void check_column(size_t input, const Column& column, uint64_t rows) const;
  void note(Bad bad);

  const std::vector<Input>& inputs_;
  std::vector<Column> columns_, masked_;  // by input; those for masked samples are empty where none is masked
  std::vector<RandomKey> mask_keys_;      // by input, of this step
  uint64_t first_position_ = 0;           // of this step
  std::optional<Permutation> order_;

  std::mutex mutex_;
  std::optional<Bad> bad_;
  std::atomic<bool> any_bad_{false};
  std::atomic<uint64_t> bag_ids_{0};  // of this step
};

}  // namespace pairloom
