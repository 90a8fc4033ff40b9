#include "program/checks.h"

#include <algorithm>

#include "program/rule.h"

namespace pairloom {
namespace {

const char* check_input(const Program& p, const Instruction& i) {
  const Input& input = p.inputs[size_t(i.attributes[0])];
  const Operand& out = i.operands[0];
  if (p.buffer(out).dtype != input.dtype) return "a buffer of the input's dtype";
  return input.dtype != DType::kFp32 || out.size() == input.width ? nullptr : "dims of the input's width";
}

const char* check_concat(const Program&, const Instruction& i) {
  uint64_t parts = 0;
  for (size_t part = 0; part + 1 < i.operands.size(); ++part) parts += i.operands[part].size();
  return parts == i.operands.back().size() ? nullptr : "parts that fill the output";
}

// z has one entry per pair of fields of x [F, D].
const char* check_pairs(const Operand& z, const Operand& x) {
  const uint64_t fields = x.dims[0];
  return z.size() == fields * (fields - 1) / 2 ? nullptr : "F(F-1)/2 products of pairs of fields";
}
const char* check_dots(const Program&, const Instruction& i) { return check_pairs(i.operands[1], i.operands[0]); }
const char* check_dots_grad(const Program&, const Instruction& i) { return check_pairs(i.operands[0], i.operands[1]); }

// op(a) [m, k] op(b) [k, n] -> [m, n].
const char* check_matmul(const Program&, const Instruction& i) {
  const auto &a = i.operands[0], &b = i.operands[1], &c = i.operands[2];
  if (a.ndims != 2 || b.ndims != 2 || c.ndims != 2) return "three matrices";
  const bool transpose_a = i.attributes[0] == 1, transpose_b = i.attributes[1] == 1;
  const bool fit = a.dims[transpose_a ? 0 : 1] == b.dims[transpose_b ? 1 : 0] &&
                   c.dims[0] == a.dims[transpose_a ? 1 : 0] && c.dims[1] == b.dims[transpose_b ? 0 : 1];
  return fit ? nullptr : "[m, k] times [k, n] into [m, n]";
}

// `pairs` columns of weights for the pairs of maps x [H, D] and fields x0 [F, D].
const char* check_interaction(const Operand& x, const Operand& x0, uint64_t pairs, bool upper) {
  const uint64_t maps = x.dims[0], fields = x0.dims[0];
  if (upper && maps != fields) return "as many maps as fields for the upper triangle of their pairs";
  return pairs == (upper ? fields * (fields + 1) / 2 : maps * fields) ? nullptr : "a weight for each pair";
}
const char* check_interact(const Program&, const Instruction& i) {
  return check_interaction(i.operands[0], i.operands[1], i.operands[2].dims[1], i.attributes[0] == 1);
}
const char* check_interact_grad(const Program&, const Instruction& i) {
  return check_interaction(i.operands[1], i.operands[2], i.operands[3].dims[1], i.attributes[0] == 1);
}

// Weights of all pairs of F fields, and of the upper triangle of these.
const char* check_folding(const Operand& all, const Operand& upper) {
  uint64_t fields = 0;
  while (fields * fields < all.dims[1]) ++fields;
  const bool fit = fields * fields == all.dims[1] && upper.dims[1] == fields * (fields + 1) / 2;
  return fit ? nullptr : "weights of F*F pairs, and of F(F+1)/2";
}
const char* check_fold(const Program&, const Instruction& i) { return check_folding(i.operands[0], i.operands[1]); }
const char* check_unfold(const Program&, const Instruction& i) { return check_folding(i.operands[1], i.operands[0]); }

const char* check_combine(const Program&, const Instruction& i) {
  const size_t pairs = i.operands.size() / 2;
  for (size_t pair = 0; pair < pairs; ++pair) {
    if (i.operands[pair].size() != i.operands[pairs + pair].size()) return "outputs of the sizes of their partials";
  }
  if (i.attributes[0] != 2) return nullptr;
  return pairs == 2 && i.operands[0].size() == i.operands[1].size() ? nullptr : "two partials, mean and M2";
}

const char* check_translate(const Program& p, const Instruction& i) {
  const size_t columns = i.operands.size() / 2;
  const bool wide = p.translations[size_t(i.attributes[0])].rows > kMostNarrowRows;
  for (size_t column = 0; column < columns; ++column) {
    const DType ids = p.buffer(i.operands[column]).dtype, rows = p.buffer(i.operands[columns + column]).dtype;
    if (is_bag(ids) != is_bag(rows)) return "rows of the kind of their ids, one or a bag";
    if (wide && !is_wide(rows)) return "rows of 64 bits";
  }
  return nullptr;
}

const char* check_unique_rows(const Program& p, const Instruction& i) {
  const size_t columns = i.operands.size() / 2;
  for (size_t column = 0; column < columns; ++column) {
    const DType ids = p.buffer(i.operands[column]).dtype, local = p.buffer(i.operands[columns + column]).dtype;
    if (is_bag(ids) != is_bag(local) || is_wide(local)) return "indices of 32 bits, of the kind of their ids";
  }
  return nullptr;
}

const char* check_told(const Program& p, const Instruction& i) {
  const size_t columns = i.operands.size() / 3;
  for (size_t column = 0; column < columns; ++column) {
    if (p.buffer(i.operands[column]).dtype != p.buffer(i.operands[2 * columns + column]).dtype) return "columns of the same dtypes";
  }
  return nullptr;
}

const char* check_same_dtype(const Program& p, const Instruction& i) {
  const Operand &from = i.operands.front(), &to = i.operands.back();
  const bool fit = p.buffer(from).dtype == p.buffer(to).dtype && from.size() == to.size();
  return fit ? nullptr : "an output of the first operand's dtype and size";
}

// Two words, then the integers of a row, then what is left of it.
const char* check_quantized(const Program&, const Instruction& i) {
  const double bits = i.attributes[0];
  if (bits != 8 && bits != 4) return "integers of 8 or 4 bits";
  const uint64_t words = (i.operands[2].size() * uint64_t(bits) + 31) / 32;
  return i.operands[0].dims[1] >= 2 + words ? nullptr : "rows that hold two words and the integers of the output's numbers";
}

const char* check_sessions(const Program& p, const Instruction& i) {
  return is_id(p.buffer(i.operands[2]).dtype) ? nullptr : "one session id a row";
}

const char* check_attention(const Program&, const Instruction& i) {
  const double heads = i.attributes[0];
  const uint64_t n = i.operands[1].size(), m = i.operands.back().size();
  const bool fit = heads >= 1 && heads <= double(n) && n % uint64_t(heads) == 0 && m % uint64_t(heads) == 0;
  return fit ? nullptr : "columns of q and of v that the heads divide";
}

const char* check_segment_matmul(const Program&, const Instruction& i) {
  const auto &x = i.operands[0], &w = i.operands[1], &out = i.operands[3];
  if (w.ndims != 2) return "a matrix for each row";
  const bool transpose = i.attributes[0] == 1;
  const bool fit = x.size() == w.dims[transpose ? 1 : 0] && out.size() == w.dims[transpose ? 0 : 1];
  return fit ? nullptr : "[k] times [k, n] into [n]";
}

const char* check_segment_outer(const Program&, const Instruction& i) {
  const Operand& out = i.operands[3];
  const bool fit = out.ndims == 2 && out.dims[0] == i.operands[0].size() && out.dims[1] == i.operands[1].size();
  return fit ? nullptr : "[k] and [n] into [k, n]";
}

// Lines of entries at places: the matrix has a line for each place, as wide as an entry.
const char* check_places(const Operand& lines, const Operand& places, const Operand& entry) {
  const bool fit = lines.ndims == 2 && lines.dims[0] == places.size() && lines.dims[1] == entry.size();
  return fit ? nullptr : "[k] places and [k, n] lines of entries [n]";
}

const char* check_gather_entries(const Program&, const Instruction& i) {
  return check_places(i.operands[3], i.operands[1], i.operands[0]);
}

const char* check_scatter_entries(const Program&, const Instruction& i) {
  return check_places(i.operands[0], i.operands[1], i.operands[3]);
}

const char* check_window(const Program&, const Instruction& i) {
  return i.attributes[2] >= 1 ? nullptr : "a window of at least one entry";
}

struct Check {
  Opcode opcode;
  const char* (*run)(const Program&, const Instruction&);
};
using O = Opcode;

constexpr Check kChecks[] = {
    {O::kInput, check_input},
    {O::kTranslate, check_translate},
    {O::kConcat, check_concat},
    {O::kDotInteraction, check_dots},
    {O::kDotInteractionGrad, check_dots_grad},
    {O::kBatchMatmul, check_matmul},
    {O::kCompressedInteraction, check_interact},
    {O::kCompressedInteractionGradInput, check_interact_grad},
    {O::kCompressedInteractionGradWeight, check_interact_grad},
    {O::kFoldPairs, check_fold},
    {O::kUnfoldPairs, check_unfold},
    {O::kCombine, check_combine},
    {O::kUniqueRows, check_unique_rows},
    {O::kFetchRows, check_same_dtype},
    {O::kTellRows, check_told},
    {O::kFoldAcross, check_combine},
    {O::kGatherRows, check_same_dtype},
    {O::kQuantizedEmbedding, check_quantized},
    {O::kQuantizedEmbeddingBag, check_quantized},
    {O::kSessionLogSumExp, check_sessions},
    {O::kSessionLogSumExpGrad, check_sessions},
    {O::kWindowShares, check_window},
    {O::kSegmentMatmul, check_segment_matmul},
    {O::kSegmentOuter, check_segment_outer},
    {O::kGatherEntries, check_gather_entries},
    {O::kScatterEntries, check_scatter_entries},
    {O::kSegmentAttention, check_attention},
    {O::kSegmentAttentionGrad, check_attention},
};

}  // namespace

const char* check_operands(const Program& program, const Instruction& instruction) {
  for (const Check& check : kChecks) {
    if (check.opcode != instruction.opcode) continue;
    if (const char* expected = check.run(program, instruction)) return expected;
  }
  return nullptr;
}

}  // namespace pairloom
