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

  void begin_step() { admitted_ = false; }
  // Runs `translate` of a program: ids, and as many operands of rows. Never throws; errors are reported by `check`.
  void run(const BoundInstruction& instruction, const StepContext& step);
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

  void translate(const BoundInstruction& instruction, const StepContext& step);
  void read(const std::vector<View>& views, size_t columns, uint32_t rows);
  void write(const std::vector<View>& views, size_t columns, uint32_t rows);

  const std::shared_ptr<Translation> translation_;
  const std::string name_;
  bool admitted_ = false;
  std::exception_ptr failure_;
  std::vector<uint64_t> ids_, rows_;  // row by row, columns in order
  std::vector<BagRows> bags_;         // by column
};

}  // namespace pairloom
