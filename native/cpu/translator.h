// A translation bound to a program.
#pragma once

#include <exception>
#include <memory>
#include <string>
#include <vector>

#include "cpu/bound.h"
#include "runtime/translation.h"

namespace pairloom {

class Translator {
 public:
  // Throws Error if the translation belongs to another table.
  Translator(std::shared_ptr<Translation> translation, const TranslationSlot& slot);

  // The inputs that the ids of the program's instruction come from, in order.
  void read_from(std::vector<uint32_t> inputs) { inputs_ = std::move(inputs); }
  void begin_step() { began_ = false; }
  // An instruction `translate` of a program: ids, and as many operands of rows. First `read`; then `look_up` for each of
  // the parts, on any threads; then `run`. None of them throws; errors are reported by `check`.
  void read(const BoundInstruction& instruction, const StepContext& step, uint32_t parts);
  void look_up(uint32_t part);
  void run(const BoundInstruction& instruction, const StepContext& step);
  // Of the rows that kernels see: frames, if memory does not hold all rows.
  const RowNames* names() const { return frames_ != nullptr ? frames_->names() : translation_->names(); }
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

  // Calls `work` and keeps what it throws, as the failure of this part.
  template <class Work>
  void guarded(size_t part, const Work& work);
  void check_rows() const;
  void prefetch(const StepContext& step);
  void write(const std::vector<View>& views, size_t columns, uint32_t rows);

  const std::shared_ptr<Translation> translation_;
  RowFrames* const frames_;
  const std::string name_;
  std::vector<uint32_t> inputs_;
  bool began_ = false;  // the translation's step
  std::vector<std::exception_ptr> failures_;  // of the parts of `look_up`, then of the other phases
  uint64_t step_ = 0;
  size_t parts_ = 0;
  std::vector<uint64_t> ids_, rows_;  // row by row, columns in order
  std::vector<BagRows> bags_;         // by column
};

}  // namespace pairloom
