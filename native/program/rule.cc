#include "program/rules.generated.h"

namespace pairloom {

const Rule* find_rule(Opcode opcode) {
  for (const Rule& rule : kRules) {
    if (rule.opcode == opcode) return &rule;
  }
  return nullptr;
}

const char* opcode_name(Opcode opcode) {
  const Rule* rule = find_rule(opcode);
  return rule == nullptr ? "unknown" : rule->name;
}

}  // namespace pairloom
