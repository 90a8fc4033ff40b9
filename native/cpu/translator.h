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
  // Throws Error if the translation is of another table.
  Translator(std::shared_ptr<Translation> translation, const TranslationSlot& slot);

  void begin_step() { admitted_ = false; }
  // Runs `translate` of a program: ids, as many operands of rows. Never throws: what it meets is for `check`.
  void run(const BoundInstruction& instruction, const StepContext& step);
  // Throws what `run` met.
  void check();
  // Takes back what the step has changed: it failed.
  void revert();

 private:
  // The rows of a column of bags, whose ids stay where they are.
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
  std::vector<uint64_t> ids_, rows_;  // sample after sample, its columns in their order
  std::vector<BagRows> bags_;         // by column
};

}  // namespace pairloom
