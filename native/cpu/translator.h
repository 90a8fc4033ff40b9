// A translation bound to a program.
#pragma once

#include <exception>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cpu/bound.h"
#include "cpu/exchange/exchanger.h"
#include "runtime/slot_map.h"
#include "runtime/translation.h"

namespace pairloom {

class Translator {
 public:
  // Throws Error if the translation belongs to another table.
  Translator(std::shared_ptr<Translation> translation, const TranslationSlot& slot);

  // The program's instruction, which gives the translation its ids, and the inputs that these come from, in order, if
  // they are not computed.
  void bind(const Instruction& instruction, std::vector<uint32_t> inputs, uint32_t ranks);
  // Where ranks have some columns of its rows.
  void divide(const Shard& shard) { divided_ = shard; }
  // Lists the ids that lose their rows by their values; `outdated` gets those that other ranks have listed. Where ranks have some
  // columns, `pass_outdated` lists them. Throws Error.
  void begin_step(uint64_t step);
  bool lists_outdated() const { return lists_outdated_; }
  std::vector<uint64_t>& outdated() { return outdated_; }
  // Null where ranks have whole rows.
  std::unique_ptr<Exchanger> pass_outdated();
  // An instruction `translate` of a program: ids, and as many operands of rows. First `read`; then `look_up` for each of
  // the parts, on any threads; then `run`. None of them throws; errors are reported by `check`.
  void read(const BoundInstruction& instruction, const StepContext& step, uint32_t parts);
  void look_up(uint32_t part);
  void run(const BoundInstruction& instruction, const StepContext& step);
  const KeptRows* kept() const { return translation_->kept(); }
  // Of the rows that it gives to ids: frames, if memory does not hold all rows and there are no other ranks.
  const RowNames* names() const { return frames_ != nullptr && !shared_ ? frames_->names() : row_names(); }
  // Of the rows of the table, and of the frames that some of them are in; null: none.
  const RowNames* row_names() const { return translation_->names(); }
  const RowFrames* frames() const { return frames_; }
  // Brings the rows that ranks ask this one for, which become frames, and those that they will ask for in the next steps.
  // `routes`: of all tables with these rows. Throws Error.
  void place_asked(std::span<RowRoute* const> routes, const StepContext& step);
  // Nothing is read from the inputs any more.
  void end_run();
  // Throws the error that `run` found.
  void check();
  // Reverts the changes of the step, because it failed.
  void revert();

 private:
  // The rows of a column of bags; the ids are not moved.
  struct BagRows {
    std::vector<int32_t> narrow;
    std::vector<int64_t> wide;
  };

  // Calls `work`, whose errors get to say where.
  template <class Work>
  void named(const Work& work) const;
  // The same, but keeps what it throws, as the failure of this part.
  template <class Work>
  void guarded(size_t part, const Work& work);
  void read_rows(const BoundInstruction& instruction, const StepContext& step);
  void read_batch(const StepContext& step);
  void check_rows() const;
  // `of`: the rows of which the step has brought some; null: all.
  void prefetch(const StepContext& step, const RowRoute* of);
  void write(const std::vector<View>& views, size_t columns, const StepContext& step);

  const std::shared_ptr<Translation> translation_;
  RowFrames* const frames_;
  const std::string name_;
  std::vector<uint32_t> inputs_;
  bool admits_ = false;
  bool shared_ = false;       // with other ranks: each has some of the rows
  std::optional<Shard> divided_;
  bool reads_batch_ = false;  // the ids of all ranks, each of which has the same keys
  bool began_ = false;        // the translation's step
  bool lists_outdated_ = false;
  std::vector<uint64_t> outdated_;
  uint32_t ahead_ = 0;  // steps after this one whose rows are being brought
  std::vector<std::exception_ptr> failures_;  // of the parts of `look_up`, then of the other phases
  uint64_t step_ = 0;
  size_t parts_ = 0;
  std::vector<uint64_t> ids_, rows_;  // row by row, columns in order
  size_t own_ = 0;                    // the first of this rank
  std::vector<BagRows> bags_;         // by column
};

}  // namespace pairloom
