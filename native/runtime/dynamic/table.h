// A table whose rows belong to the keys in use: new keys are admitted, and others evicted where rows are missing.
#pragma once

#include <memory>
#include <optional>

#include "runtime/dynamic/admission.h"
#include "runtime/dynamic/kept_rows.h"
#include "runtime/dynamic/key_index.h"
#include "runtime/dynamic/lowest.h"
#include "runtime/dynamic/numbers.h"
#include "runtime/dynamic/row_memory.h"
#include "runtime/dynamic/scores.h"
#include "runtime/translation.h"

namespace pairloom {

class DynamicTable : public Translation {
 public:
  struct Statistics {
    uint64_t admitted = 0, evicted = 0;           // keys
    uint64_t lookups = 0, hits = 0, rejected = 0;  // occurrences in training
  };

  explicit DynamicTable(const DynamicSpec& spec);

  uint64_t rows() const override { return spec_.capacity + 1; }
  const RowNames* names() const override { return &names_; }
  const KeptRows* kept() const override { return kept_ ? &*kept_ : nullptr; }
  void translate(std::span<const uint64_t> keys, std::span<uint64_t> rows) const override { index_.find(keys, rows); }
  bool lists_outdated(uint64_t step) const override { return spec_.evict == Evict::kNorm && step % spec_.every == 0; }
  std::vector<uint64_t> outdated() const override;
  uint32_t weights() const override { return uint32_t(weights_.size()); }
  NormedRows normed_rows() const override;
  void add_squares(uint32_t weights, NormedRows& rows) const override;
  std::vector<uint64_t> outdated(const NormedRows& rows) const override;
  void begin_step(uint64_t step, std::span<const uint64_t> outdated) override;
  void admit(std::span<const uint64_t> keys, std::span<uint64_t> rows, uint64_t step) override;
  void revert() override;
  std::vector<int64_t> state() const override { return state_of(ordered_rows()); }
  void restore(std::span<const int64_t> state) override;

  // Rows of this memory get initial values when keys get the rows. It has all rows, or, at their places, those that are kept.
  void attach(std::unique_ptr<RowMemory> memory);
  // Gives each key a row, as if it had occurred once in step 0 and were admitted.
  void insert(std::span<const uint64_t> keys, std::span<uint64_t> rows);
  // Where the memories have a row, which has a key: none for one that another rank keeps.
  std::optional<uint32_t> place_of(uint64_t row) const;
  // Takes the rows of those keys that have one.
  void erase(std::span<const uint64_t> keys);

  // The rows in use, in the order of checkpoints of their keys.
  std::vector<uint32_t> ordered_rows() const;
  // The state, given these rows.
  std::vector<int64_t> state_of(std::span<const uint32_t> ordered) const;
  uint64_t key_of(uint32_t row) const { return keys_[row]; }
  uint64_t score_of(uint32_t row) const { return scores_.shown(scores_.get(row)); }
  uint64_t size() const { return index_.size(); }
  const Statistics& statistics() const { return statistics_; }

 private:
  struct Change {
    uint64_t key;
    uint32_t score, row, place;  // the place that the row loses, if it is taken from the key and was kept
    bool given;           // to the key; otherwise taken from it
    bool saved;           // its values are in `saved_`
  };
  struct Touched {
    uint32_t before;  // score; kFree for a new key
    uint32_t row;
  };

  template <class Work>
  void or_revert(const Work& work);
  void start_log();
  void evict_outdated(uint64_t step, std::span<const uint64_t> outdated);
  void evict_unused(uint64_t oldest);
  void compact();

  void touch_known(std::span<const uint64_t> rows);
  void touch(uint32_t row);
  void find_admitted(std::span<const uint64_t> keys, uint64_t step);
  void give_rows(std::span<const uint64_t> keys, std::span<uint64_t> rows);
  uint32_t give(uint64_t key);
  void keep(uint32_t row, uint64_t key, bool reuses);
  bool make_room();
  void prefetch_victims() const;
  bool is_fixed() const { return spec_.evict == Evict::kNever || spec_.evict == Evict::kNorm; }
  void evict(uint32_t row);
  void finish(uint64_t step);
  bool is_used(uint32_t row) const { return (used_[row / 64] >> (row % 64)) & 1; }
  bool spared(uint32_t row) const { return is_free(row) || is_used(row) || keys_[row] == kMissingKey; }
  double squares(uint32_t place) const;
  bool is_small(double squares) const { return squares < spec_.evict_number * spec_.evict_number; }
  void save(uint32_t place);
  void undo(const Change& change);
  void undo_values(uint32_t place);
  bool is_free(uint32_t row) const { return scores_.get(row) == Scores::kFree; }
  void list_free_rows();
  [[noreturn]] void refuse_keys(std::span<const uint64_t> keys) const;

  const DynamicSpec spec_;
  Block<uint64_t> keys_;  // by row
  Scores scores_;
  Block<uint64_t> used_;  // bits, by row: whether the step uses the row
  KeyIndex index_;
  Lowest lowest_;
  std::unique_ptr<Admission> admission_;
  std::optional<KeptRows> kept_;  // none: all rows are kept
  const RowNames names_;
  std::vector<std::unique_ptr<RowMemory>> memories_;
  std::vector<const RowMemory*> weights_;  // of these
  Numbers numbers_;      // of rows
  bool sparse_ = false;  // the table is to be compacted
  Statistics statistics_;

  // The step, until the next one begins.
  std::vector<Touched> touched_;
  std::vector<Change> changes_;
  std::vector<char> saved_;        // the rows of changes that overwrite one
  std::vector<uint32_t> missing_;  // positions of the keys without a row that are admitted
  Statistics before_;
};

}  // namespace pairloom
