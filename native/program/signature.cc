#include "program/signature.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <map>
#include <sstream>

#include "program/error.h"

namespace pairloom {
namespace {

// Splits at `:`; without one, the kind is also the name.
std::pair<std::string, std::string> split_name(const std::string& word) {
  const size_t colon = word.find(':');
  if (colon == std::string::npos) return {"", word};
  return {word.substr(0, colon), word.substr(colon + 1)};
}

std::vector<std::string> split_dims(const std::string& text) {
  std::vector<std::string> dims;
  std::istringstream in(text);
  for (std::string dim; std::getline(in, dim, ',');) dims.push_back(dim);
  return dims;
}

OperandRule parse_operand(const std::string& word, bool output) {
  OperandRule rule;
  auto [name, text] = split_name(word);
  rule.output = output;
  while (text.back() == '?' || text.back() == '.') {
    (text.back() == '?' ? rule.optional : rule.repeated) = true;
    text.pop_back();
  }
  if (const size_t open = text.find('['); open != std::string::npos) {
    rule.dims = split_dims(text.substr(open + 1, text.size() - open - 2));
    text.resize(open);
  }
  rule.written = output;
  if (text.back() == '!') {
    rule.written = true;
    text.pop_back();
  }
  rule.kind = text;
  rule.name = name.empty() ? text : name;
  return rule;
}

// One word per operand, or nothing if the operand count does not fit.
std::vector<OperandRule> spread(const OperandRules& signature, size_t all, bool has_optional) {
  if (all < signature.last.size()) return {};
  const size_t operands = all - signature.last.size();
  std::vector<OperandRule> words;
  size_t single = 0, repeated = 0;
  for (const OperandRule& word : signature.words) {
    if (word.repeated) ++repeated;
    else if (!word.optional || has_optional) ++single;
  }
  if (operands < single + repeated) return {};
  const size_t rest = operands - single;
  if (repeated > 0 && rest % repeated != 0) return {};
  for (const OperandRule& word : signature.words) {
    if (word.optional && !has_optional) continue;
    words.insert(words.end(), word.repeated ? rest / repeated : 1, word);
  }
  if (!signature.pair.empty() && rest == 0) return {};
  while (!signature.pair.empty() && words.size() + signature.pair.size() <= operands) {
    words.insert(words.end(), signature.pair.begin(), signature.pair.end());
  }
  if (words.size() != operands) return {};
  words.insert(words.end(), signature.last.begin(), signature.last.end());
  return words;
}

bool kind_fits(const OperandRule& word, const Buffer& buffer) {
  const bool row = is_row(buffer.space), f32 = buffer.dtype == DType::kFp32;
  const bool still = f32 && (buffer.space == Space::kFixed ||
                             (!word.output && (buffer.space == Space::kParameter || buffer.space == Space::kScalar)));
  if (word.kind == "row") return row && f32;
  if (word.kind == "batch") return buffer.space == Space::kBatch && f32;
  if (word.kind == "ids") return row && is_id(buffer.dtype);
  if (word.kind == "bag") return row && is_bag(buffer.dtype);
  const bool lines = f32 && is_of_entries(buffer.space), of_entries = f32 && buffer.space == Space::kEntries;
  if (word.kind == "entries") return lines;
  if (word.kind == "entry") return lines || (f32 && buffer.space == Space::kTile);
  if (word.kind == "terms") return of_entries || (f32 && buffer.space == Space::kBatch);
  const bool of_owner = buffer.space == Space::kExchange;
  if (word.kind == "samples") return buffer.space == Space::kBatch && is_ids(buffer.dtype);
  if (word.kind == "occurring") {
    return (buffer.space == Space::kBatch && is_ids(buffer.dtype)) || (of_owner && is_id(buffer.dtype));
  }
  if (word.kind == "gradient") return of_entries || ((buffer.space == Space::kBatch || of_owner) && f32);
  if (word.kind == "owned") return of_owner && is_id(buffer.dtype);
  if (word.kind == "sums") return of_owner && f32;
  if (word.kind == "fetched") return of_owner && (f32 || is_half(buffer.dtype));
  if (word.kind == "share") return buffer.space == Space::kBatch && !is_bag(buffer.dtype);
  if (word.kind == "param") return f32 && buffer.space == Space::kParameter;
  if (word.kind == "table") {
    const bool held = buffer.space == Space::kParameter || (of_owner && !word.written);
    return (f32 || is_half(buffer.dtype)) && held;
  }
  if (word.kind == "partial") return f32 && buffer.space == Space::kPartial;
  if (word.kind == "fixed" || word.kind == "weight" || word.kind == "number") return still;
  if (word.kind == "any") return (row && f32) || still;
  return word.kind == "loaded" && row && !is_of_entries(buffer.space);
}

class DimMatcher {
 public:
  bool fits(const OperandRule& word, const Operand& operand) {
    const bool has_rows = word.kind == "table" || word.kind == "param" || word.kind == "fetched";
    if (!has_rows && operand.size() > ~uint32_t{0}) return false;
    if (word.kind == "number") return operand.size() == 1;
    if (word.dims.empty() || word.dims[0] == "*") return true;
    if (word.dims[0][0] == '~') {
      return bind("~", operand.size()) && bind(word.dims[0].substr(1), operand.dims[operand.ndims - 1]);
    }
    if (word.dims.size() == 1) return bind(word.dims[0], operand.size());
    if (word.dims.size() != operand.ndims) return false;
    for (uint32_t i = 0; i < operand.ndims; ++i) {
      if (!bind(word.dims[i], operand.dims[i])) return false;
    }
    return true;
  }

 private:
  bool bind(const std::string& dim, uint64_t size) {
    if (std::isdigit(dim[0])) return size == std::stoull(dim);
    return bound_.emplace(dim, size).first->second == size;
  }
  std::map<std::string, uint64_t> bound_;
};

std::string describe(const Program& program, const Operand& operand) {
  const Buffer& buffer = program.buffer(operand);
  std::string text = std::string(dtype_name(buffer.dtype)) + " " + space_name(buffer.space) + "[";
  for (uint32_t i = 0; i < operand.ndims; ++i) text += (i ? ", " : "") + std::to_string(operand.dims[i]);
  return text + "]";
}

bool is_integer(double value, double below) { return value >= 0 && value < below && value == std::floor(value); }

// True if the attribute says that an optional operand is present.
bool is_presence(const std::string& word) { return word == "hasBias" || word == "hasFactor" || word == "hasSlope"; }

bool attribute_fits(const std::string& word, double value, const Program& program) {
  if (word == "fn") return is_integer(value, 11);
  if (word == "flag" || is_presence(word) || word == "pooling") return is_integer(value, 2);
  if (word == "idPooling") return value == 0;
  if (word == "kind") return is_integer(value, 3);
  if (word == "input") return is_integer(value, double(program.inputs.size()));
  if (word == "translation") return is_integer(value, double(program.translations.size()));
  if (word == "stream") return is_integer(value, 4294967296.0);
  if (word == "count") return is_integer(value, 9007199254740992.0);
  if (word == "rate" || word == "decay") return value >= 0 && value < 1;
  if (word == "real") return std::isfinite(value);
  if (word == "limit") return std::isfinite(value) && value >= 0;
  return word == "value";
}

bool has_optional_operand(const Instruction& instruction, const std::vector<AttributeRule>& rules) {
  for (size_t i = 0; i < rules.size(); ++i) {
    if (is_presence(rules[i].type)) return instruction.attributes[i] == 1;
  }
  return false;
}

// Replaces `poolings`: one per id column.
void add_poolings(std::vector<AttributeRule>& rules, const Program& program, const Instruction& instruction) {
  if (rules.empty() || rules.back().type != "poolings") return;
  rules.pop_back();
  for (const Operand& operand : instruction.operands) {
    const DType dtype = program.buffer(operand).dtype;
    if (is_ids(dtype)) rules.push_back({"pooling", is_bag(dtype) ? "pooling" : "idPooling"});
  }
}

// Replaces `counts`: one for each attribute that is left.
void add_counts(std::vector<AttributeRule>& rules, const Instruction& instruction) {
  if (rules.empty() || rules.back().type != "counts") return;
  rules.pop_back();
  rules.resize(std::max(rules.size(), instruction.attributes.size()), {"count", "count"});
}

}  // namespace

OperandRules parse_operands(const char* rule) {
  OperandRules rules;
  std::istringstream in(rule);
  bool output = false, pair = false, closed = false;
  for (std::string text; in >> text;) {
    if (text == "->") {
      output = true;
      continue;
    }
    if (text.front() == '(') {
      pair = true;
      text.erase(0, 1);
    }
    auto& words = closed ? rules.last : pair ? rules.pair : rules.words;
    if (const size_t close = text.find(')'); close != std::string::npos) {
      text.resize(close);
      closed = true;
    }
    words.push_back(parse_operand(text, output));
  }
  return rules;
}

std::vector<AttributeRule> parse_attributes(const char* rule) {
  std::vector<AttributeRule> rules;
  std::istringstream in(rule);
  for (std::string text; in >> text;) {
    const auto [name, type] = split_name(text);
    rules.push_back({name.empty() ? type : name, type});
  }
  return rules;
}

std::vector<Access> match_operands(const Program& program, const Instruction& instruction, const Rule& rule,
                                   const std::string& where) {
  const bool has_optional = has_optional_operand(instruction, parse_attributes(rule.attributes));
  const std::vector<OperandRule> words =
      spread(parse_operands(rule.operands), instruction.operands.size(), has_optional);
  if (words.empty()) {
    throw Error({"an instruction has a wrong number of operands", where,
                 std::to_string(instruction.operands.size()) + " operands", rule.operands, ""});
  }
  DimMatcher dims;
  std::vector<Access> accesses;
  for (size_t i = 0; i < words.size(); ++i) {
    const Operand& operand = instruction.operands[i];
    if (!kind_fits(words[i], program.buffer(operand)) || !dims.fits(words[i], operand)) {
      throw Error({"an operand breaks the operation's rule",
                   where + " operand " + std::to_string(i) + " (" + words[i].name + ")", describe(program, operand),
                   rule.operands, ""});
    }
    accesses.push_back({!words[i].output, words[i].written, words[i].kind == "weight"});
  }
  return accesses;
}

void match_attributes(const Program& program, const Instruction& instruction, const Rule& rule,
                      const std::string& where) {
  std::vector<AttributeRule> rules = parse_attributes(rule.attributes);
  add_poolings(rules, program, instruction);
  add_counts(rules, instruction);
  const auto& values = instruction.attributes;
  if (rules.size() != values.size()) {
    throw Error(
        {"an instruction has a wrong number of attributes", where, std::to_string(values.size()), rule.attributes, ""});
  }
  for (size_t i = 0; i < rules.size(); ++i) {
    if (attribute_fits(rules[i].type, values[i], program)) continue;
    throw Error({"an attribute has a value that the operation does not allow",
                 where + " attribute " + std::to_string(i) + " (" + rules[i].name + ")", std::to_string(values[i]),
                 rules[i].type, ""});
  }
}

}  // namespace pairloom
