#include "runtime/table_layout.h"

#include <algorithm>

#include "program/signature.h"

namespace pairloom {
namespace {

// The attributes of an instruction by name.
class Attributes {
 public:
  explicit Attributes(const Instruction& instruction)
      : rules_(parse_attributes(find_rule(instruction.opcode)->attributes)), values_(instruction.attributes) {}

  size_t index(const std::string& name) const {
    const auto named = [&](const AttributeRule& rule) { return rule.name == name; };
    return size_t(std::find_if(rules_.begin(), rules_.end(), named) - rules_.begin());
  }
  // 0 if the operation has no such attribute.
  double value(const std::string& name) const {
    const size_t at = index(name);
    return at < rules_.size() ? values_[at] : 0;
  }

 private:
  const std::vector<AttributeRule> rules_;
  const std::vector<double>& values_;
};

}  // namespace

TableLayout table_layout(const Instruction& instruction) {
  const Attributes attributes(instruction);
  const OperandRules rules = parse_operands(find_rule(instruction.opcode)->operands);
  const auto is_state = [](const OperandRule& word) { return word.kind == "param"; };
  const auto& words = rules.words;
  const size_t always = size_t(std::count_if(words.begin(), words.end(), [](const auto& w) { return !w.optional; }));
  const bool scaled = attributes.value("hasFactor") == 1;
  return {.states = size_t(std::count_if(words.begin(), words.end(), is_state)),
          .pairs = (instruction.operands.size() - always - scaled - rules.last.size()) / 2,
          .first_state = size_t(std::find_if(words.begin(), words.end(), is_state) - words.begin()),
          .first_pair = always + scaled,
          .first_pooling = attributes.index("poolings"),
          .stream = uint32_t(attributes.value("stream")),
          .l2 = float(attributes.value("l2")),
          .every_row = attributes.value("everyRow") == 1,
          .limit = float(attributes.value("limit")),
          .factor = scaled ? always : 0};
}

}  // namespace pairloom
