#include "program/signature.h"

#include <cmath>
#include <map>
#include <sstream>

#include "program/error.h"

namespace pairloom {
namespace {

struct Word {
  std::string kind, dims;
  bool written = false, output = false, optional = false, repeated = false;
};

Word parse_word(std::string text, bool output) {
  Word word;
  word.output = output;
  while (!text.empty() && (text.back() == '?' || text.back() == '.')) {
    (text.back() == '?' ? word.optional : word.repeated) = true;
    text.pop_back();
  }
  if (const size_t open = text.find('['); open != std::string::npos) {
    for (char c : text.substr(open + 1, text.size() - open - 2)) {
      if (c != ',') word.dims += c;
    }
    text.resize(open);
  }
  word.written = output;
  if (text.back() == '!') {
    word.written = true;
    text.pop_back();
  }
  word.kind = text;
  return word;
}

struct Signature {
  std::vector<Word> words, tail, last;  // the tail repeats in turn
};

Signature parse(const char* rule) {
  Signature signature;
  std::istringstream in(rule);
  bool output = false, tail = false, closed = false;
  for (std::string text; in >> text;) {
    if (text == "->") {
      output = true;
      continue;
    }
    if (text.front() == '(') {
      tail = true;
      text.erase(0, 1);
    }
    auto& words = closed ? signature.last : tail ? signature.tail : signature.words;
    if (const size_t close = text.find(')'); close != std::string::npos) {
      text.resize(close);
      closed = true;
    }
    words.push_back(parse_word(text, output));
  }
  return signature;
}

// One word for each operand, or nothing if the operand count does not fit.
std::vector<Word> spread(const Signature& signature, size_t all, bool has_optional) {
  if (all < signature.last.size()) return {};
  const size_t operands = all - signature.last.size();
  std::vector<Word> words;
  size_t single = 0, repeated = 0;
  for (const Word& word : signature.words) {
    if (word.repeated) ++repeated;
    else if (!word.optional || has_optional) ++single;
  }
  if (operands < single + repeated) return {};
  const size_t rest = operands - single;
  if (repeated > 0 && rest % repeated != 0) return {};
  for (const Word& word : signature.words) {
    if (word.optional && !has_optional) continue;
    words.insert(words.end(), word.repeated ? rest / repeated : 1, word);
  }
  if (!signature.tail.empty() && rest == 0) return {};
  while (!signature.tail.empty() && words.size() + signature.tail.size() <= operands) {
    words.insert(words.end(), signature.tail.begin(), signature.tail.end());
  }
  if (words.size() != operands) return {};
  words.insert(words.end(), signature.last.begin(), signature.last.end());
  return words;
}

bool kind_fits(const Word& word, const Buffer& buffer) {
  const bool row = is_row(buffer.space), f32 = buffer.dtype == DType::kFloat;
  const bool still = f32 && (buffer.space == Space::kFixed ||
                             (!word.output && (buffer.space == Space::kParameter || buffer.space == Space::kScalar)));
  if (word.kind == "row") return row && f32;
  if (word.kind == "batch") return buffer.space == Space::kBatch && f32;
  if (word.kind == "ids") return row && buffer.dtype == DType::kId;
  if (word.kind == "bag") return row && buffer.dtype == DType::kBag;
  if (word.kind == "samples") return buffer.space == Space::kBatch && is_ids(buffer.dtype);
  if (word.kind == "param") return f32 && buffer.space == Space::kParameter;
  if (word.kind == "table") return (f32 || is_half(buffer.dtype)) && buffer.space == Space::kParameter;
  if (word.kind == "partial") return f32 && buffer.space == Space::kPartial;
  if (word.kind == "fixed" || word.kind == "number") return still;
  if (word.kind == "any") return (row && f32) || still;
  return word.kind == "loaded" && row;
}

class DimMatcher {
 public:
  bool fits(const Word& word, const Operand& operand) {
    if (word.kind == "number") return operand.size() == 1;
    if (word.dims.empty() || word.dims == "*") return true;
    if (word.dims[0] == '~') {
      return bind('~', operand.size()) && bind(word.dims[1], operand.dims[operand.ndims - 1]);
    }
    if (word.dims.size() == 1) return bind(word.dims[0], operand.size());
    if (word.dims.size() != operand.ndims) return false;
    for (uint32_t i = 0; i < operand.ndims; ++i) {
      if (!bind(word.dims[i], operand.dims[i])) return false;
    }
    return true;
  }

 private:
  bool bind(char letter, uint64_t size) {
    if (letter >= '0' && letter <= '9') return size == uint64_t(letter - '0');
    return bound_.emplace(letter, size).first->second == size;
  }
  std::map<char, uint64_t> bound_;
};

std::string describe(const Program& program, const Operand& operand) {
  static const char* const spaces[] = {"parameter", "scalar", "fixed", "partial", "tile", "batch"};
  static const char* const dtypes[] = {"f32", "id", "bag", "f16", "bf16"};
  const Buffer& buffer = program.buffer(operand);
  std::string text = std::string(dtypes[uint32_t(buffer.dtype)]) + " " + spaces[uint32_t(buffer.space)] + "[";
  for (uint32_t i = 0; i < operand.ndims; ++i) text += (i ? ", " : "") + std::to_string(operand.dims[i]);
  return text + "]";
}

bool is_integer(double value, double below) { return value >= 0 && value < below && value == std::floor(value); }

// Whether the attribute says that an optional operand is there.
bool is_presence(const std::string& word) { return word == "hasBias" || word == "hasFactor" || word == "hasSlope"; }

bool attribute_fits(const std::string& word, double value, const Program& program) {
  if (word == "fn") return is_integer(value, 9);
  if (word == "flag" || is_presence(word) || word == "pooling") return is_integer(value, 2);
  if (word == "kind") return is_integer(value, 3);
  if (word == "input") return is_integer(value, double(program.inputs.size()));
  if (word == "stream") return is_integer(value, 4294967296.0);
  if (word == "rate" || word == "decay") return value >= 0 && value < 1;
  if (word == "real") return std::isfinite(value);
  if (word == "limit") return std::isfinite(value) && value >= 0;
  return word == "value";
}

bool has_optional_operand(const Instruction& instruction, const char* rule) {
  std::istringstream in(rule);
  size_t index = 0;
  for (std::string word; in >> word; ++index) {
    if (is_presence(word)) return instruction.attributes[index] == 1;
  }
  return false;
}

}  // namespace

std::vector<Access> match_operands(const Program& program, const Instruction& instruction, const char* rule,
                                   const char* attribute_rule, const std::string& where) {
  const bool has_optional = has_optional_operand(instruction, attribute_rule);
  const std::vector<Word> words = spread(parse(rule), instruction.operands.size(), has_optional);
  if (words.empty()) {
    throw Error({"an instruction has a wrong number of operands", where,
                 std::to_string(instruction.operands.size()) + " operands", rule, ""});
  }
  DimMatcher dims;
  std::vector<Access> accesses;
  for (size_t i = 0; i < words.size(); ++i) {
    const Operand& operand = instruction.operands[i];
    if (!kind_fits(words[i], program.buffer(operand)) || !dims.fits(words[i], operand)) {
      throw Error({"an operand breaks the operation's rule", where + " operand " + std::to_string(i),
                   describe(program, operand), rule, ""});
    }
    accesses.push_back({!words[i].output, words[i].written});
  }
  return accesses;
}

void match_attributes(const Program& program, const Instruction& instruction, const char* rule,
                      const std::string& where) {
  std::istringstream in(rule);
  std::vector<std::string> words;
  for (std::string word; in >> word;) words.push_back(word);
  const auto& values = instruction.attributes;
  if (!words.empty() && words.back() == "poolings") {
    words.pop_back();
    while (words.size() < values.size()) words.push_back("pooling");
  }
  if (words.size() != values.size()) {
    throw Error({"an instruction has a wrong number of attributes", where, std::to_string(values.size()), rule, ""});
  }
  for (size_t i = 0; i < words.size(); ++i) {
    if (attribute_fits(words[i], values[i], program)) continue;
    throw Error({"an attribute has a value that the operation does not allow",
                 where + " attribute " + std::to_string(i), std::to_string(values[i]), words[i], ""});
  }
}

}  // namespace pairloom
