// The table of operations: one row for each opcode. Rules are in the language of program/signature.h.
#include "program/operation.h"

#include "cpu/fixed_ops.h"
#include "cpu/tile_ops.h"
#include "runtime/table_layout.h"
#include "cpu/tables/update.h"

namespace pairloom {
namespace {

const char* check_input(const Program& p, const Instruction& i) {
  const Input& input = p.inputs[size_t(i.attributes[0])];
  const Operand& out = i.operands[0];
  if (p.buffer(out).dtype != input.dtype) return "a buffer of the input's dtype";
  return input.dtype != DType::kFloat || out.size() == input.width ? nullptr : "dims of the input's width";
}

const char* check_concat(const Program&, const Instruction& i) {
  uint64_t parts = 0;
  for (size_t part = 0; part + 1 < i.operands.size(); ++part) parts += i.operands[part].size();
  return parts == i.operands.back().size() ? nullptr : "parts that fill the output";
}

// z has one entry for each pair of fields of x [F, D].
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

const char* check_table(const Program& p, const Instruction& i) {
  const TableLayout layout = table_layout(i);
  if (i.attributes.size() != layout.first_pooling + layout.pairs) return "one pooling for each pair";
  for (size_t pair = 0; pair < layout.pairs; ++pair) {
    const bool bag = p.buffer(i.operands[layout.first_pair + 2 * pair]).dtype == DType::kBag;
    if (!bag && i.attributes[layout.first_pooling + pair] != 0) return "pooling 0 for a column of ids";
  }
  return nullptr;
}
const char* check_table_squares(const Program& p, const Instruction& i) {
  return i.operands.back().size() == kTableSumParts ? check_table(p, i) : "a sum for each part of the table";
}

const char* check_sessions(const Program& p, const Instruction& i) {
  return p.buffer(i.operands[2]).dtype == DType::kId ? nullptr : "one session id a row";
}

constexpr auto kTile = Placement::kTile;
constexpr auto kFixed = Placement::kFixed;
constexpr auto kEither = Placement::kEither;

namespace t = tile_ops;
namespace f = fixed_ops;

constexpr Operation tile(Opcode opcode, const char* operands, const char* attributes, t::Function* run,
                         bool in_place = false, decltype(Operation::check) check = nullptr,
                         decltype(Operation::scratch) scratch = nullptr) {
  return {opcode, kTile, in_place, operands, attributes, Split::kNone, run, nullptr, check, scratch};
}
// Elementwise: in a tile stage over rows, in a fixed stage over one row of fixed operands.
constexpr Operation either(Opcode opcode, const char* operands, const char* attributes, t::Function* run) {
  return {opcode, kEither, true, operands, attributes, Split::kWhole, run, nullptr, nullptr};
}
constexpr Operation fixed(Opcode opcode, const char* operands, const char* attributes, Split split, f::Function* run,
                          decltype(Operation::check) check = nullptr) {
  return {opcode, kFixed, false, operands, attributes, split, nullptr, run, check};
}

constexpr bool kInPlace = true;
using O = Opcode;

constexpr Operation kOperations[] = {
    tile(O::kInput, "-> loaded", "input", t::input, false, check_input),
    fixed(O::kConstant, "-> fixed[*]", "value", Split::kWhole, f::constant),
    tile(O::kConstantRows, "-> row[*]", "value", t::constant_rows),
    tile(O::kEmbedding, "table[R,D] ids -> row[D]", "", t::embedding),
    tile(O::kEmbeddingBag, "table[R,D] bag -> row[D]", "pooling", t::embedding_bag),
    tile(O::kLinear, "row[k] fixed[n,k] fixed[n]? -> row[n]", "fn hasBias flag", t::linear, false, nullptr,
         t::linear_scratch),
    tile(O::kLinearGradInput, "row[n] fixed[n,k] row[k]? -> row[k]", "fn hasSlope flag", t::linear_grad_input, false, nullptr,
         t::linear_scratch),
    tile(O::kLinearGradWeight, "row[n] row[k] -> partial[n,k]", "flag", t::linear_grad_weight, false, nullptr,
         t::linear_grad_weight_scratch),
    tile(O::kSumRows, "row[n] -> partial[n]", "", t::sum_rows),
    tile(O::kActivation, "row[n] -> row[n]", "fn", t::activation, kInPlace),
    tile(O::kActivationGrad, "row[n] row[n] -> row[n]", "fn", t::activation_grad, kInPlace),
    tile(O::kConcat, "row[*]... -> row[*]", "", t::concat, false, check_concat),
    either(O::kAdd, "any[n] any[n]... -> any[n]", "", t::add),
    either(O::kMultiply, "any[n] any[n] -> any[n]", "", t::multiply),
    either(O::kScale, "any[n] -> any[n]", "real", t::scale),
    tile(O::kSumColumns, "row[n] -> row[1]", "", t::sum_columns),
    tile(O::kBroadcastColumns, "row[1] -> row[n]", "", t::broadcast_columns),
    tile(O::kDotInteraction, "row[F,D] -> row[p]", "", t::dot_interaction, false, check_dots),
    tile(O::kDotInteractionGrad, "row[p] row[F,D] -> row[F,D]", "", t::dot_interaction_grad, false, check_dots_grad),
    tile(O::kFactorizationMachine, "row[F,D] -> row[D]", "", t::factorization_machine),
    tile(O::kFactorizationMachineGrad, "row[D] row[F,D] -> row[F,D]", "", t::factorization_machine_grad),
    tile(O::kBatchMatmul, "any[*] any[*] -> row[*]", "flag flag", t::batch_matmul, false, check_matmul),
    tile(O::kSoftmax, "row[~n] -> row[~n]", "", t::softmax),
    tile(O::kSoftmaxGrad, "row[~n] row[~n] -> row[~n]", "", t::softmax_grad),
    tile(O::kTranspose, "row[m,n] -> row[n,m]", "", t::transpose),
    tile(O::kScaleColumns, "row[n] fixed[n] -> row[n]", "", t::multiply, kInPlace),
    tile(O::kCompressedInteraction, "row[H,D] row[F,D] fixed[N,K] fixed[N]? -> row[N,D]", "flag hasBias",
         t::compressed_interaction, false, check_interact, t::compressed_interaction_scratch),
    tile(O::kCompressedInteractionGradInput, "row[N,D] row[H,D] row[F,D] fixed[N,K] -> row[H,D] row[F,D]", "flag",
         t::compressed_interaction_grad_input, false, check_interact_grad, t::compressed_interaction_grad_scratch),
    tile(O::kCompressedInteractionGradWeight, "row[N,D] row[H,D] row[F,D] -> partial[N,K]", "flag",
         t::compressed_interaction_grad_weight, false, check_interact_grad, t::compressed_interaction_grad_scratch),
    fixed(O::kFoldPairs, "fixed[N,K] -> fixed[N,P]", "", Split::kWhole, f::fold_pairs, check_fold),
    fixed(O::kUnfoldPairs, "fixed[N,P] -> fixed[N,K]", "", Split::kWhole, f::unfold_pairs, check_unfold),
    tile(O::kSumInner, "row[F,D] -> row[F]", "", t::sum_inner),
    tile(O::kBroadcastInner, "row[F] -> row[F,D]", "", t::broadcast_inner),
    tile(O::kBatchMoments, "row[n] -> partial[n] partial[n]", "", t::batch_moments),
    tile(O::kBatchNormalize, "row[n] fixed[n] fixed[n] fixed[n] fixed[n] -> row[n]", "real", t::batch_normalize),
    tile(O::kBatchNormGradSums, "row[n] row[n] fixed[n] fixed[n] -> partial[n] partial[n]", "real",
         t::batch_norm_grad_sums),
    tile(O::kBatchNormGradInput, "row[n] row[n] fixed[n] fixed[n] fixed[n] fixed[n] fixed[n] -> row[n]", "real",
         t::batch_norm_grad_input),
    fixed(O::kUpdateRunning, "param![n] param![n] fixed[n] fixed[n]", "real", Split::kWhole, f::update_running),
    tile(O::kLayerNorm, "row[~n] fixed[n] fixed[n] -> row[~n]", "real", t::layer_norm),
    tile(O::kLayerNormGradInput, "row[~n] row[~n] fixed[n] -> row[~n]", "real", t::layer_norm_grad_input),
    tile(O::kLayerNormGradParams, "row[~n] row[~n] -> partial[n] partial[n]", "real", t::layer_norm_grad_params),
    tile(O::kDropout, "row[n] -> row[n]", "rate stream", t::dropout, kInPlace),
    tile(O::kSigmoidCrossEntropy, "row[1] row[1] -> row[1]", "", t::sigmoid_cross_entropy, kInPlace),
    tile(O::kSigmoidCrossEntropyGrad, "row[1] row[1] row[1] -> row[1]", "", t::sigmoid_cross_entropy_grad, kInPlace),
    tile(O::kBatchMean, "row[1] -> partial[1]", "", t::batch_mean),
    tile(O::kBatchMeanGrad, "number -> row[1]", "", t::batch_mean_grad),
    fixed(O::kCombine, "partial[*]... -> fixed[*]...", "kind", Split::kPairs, f::combine, check_combine),
    tile(O::kAddBias, "row[n] fixed[n] -> row[n]", "", t::add, kInPlace),
    fixed(O::kSgd, "param![n] fixed[n] number", "real", Split::kElements, f::sgd),
    fixed(O::kAdagrad, "param![n] fixed[n] number param![n]", "real real", Split::kElements, f::adagrad),
    fixed(O::kAdam, "param![n] fixed[n] number param![n] param![n]", "decay decay real real real", Split::kElements,
          f::adam),
    fixed(O::kTableSgd, "table![R,D] number number? (samples batch[D])...", "stream real flag limit hasFactor poolings", Split::kTable, table_sgd,
          check_table),
    fixed(O::kTableAdagrad, "table![R,D] number param![R,D] number? (samples batch[D])...", "real stream real flag limit hasFactor poolings",
          Split::kTable, table_adagrad, check_table),
    fixed(O::kTableRowWiseAdagrad, "table![R,D] number param![R] number? (samples batch[D])...", "real stream real flag limit hasFactor poolings",
          Split::kTable, table_row_wise_adagrad, check_table),
    fixed(O::kTableAdam, "table![R,D] number param![R,D] param![R,D] number? (samples batch[D])...",
          "decay decay real stream real flag limit hasFactor poolings", Split::kTable, table_adam, check_table),
    tile(O::kFocalCrossEntropy, "row[1] row[1] -> row[1]", "real real", t::focal_cross_entropy, kInPlace),
    tile(O::kFocalCrossEntropyGrad, "row[1] row[1] row[1] -> row[1]", "real real", t::focal_cross_entropy_grad,
         kInPlace),
    tile(O::kSoftmaxCrossEntropy, "row[n] row[1] -> row[1]", "rate", t::softmax_cross_entropy),
    tile(O::kSoftmaxCrossEntropyGrad, "row[1] row[n] row[1] -> row[n]", "rate", t::softmax_cross_entropy_grad),
    fixed(O::kSessionLogSumExp, "batch[2] batch[1] samples -> batch[1]", "", Split::kBatch, f::session_log_sum_exp,
          check_sessions),
    fixed(O::kSessionLogSumExpGrad, "batch[2] batch[1] samples batch[1] -> batch[2]", "", Split::kBatch,
          f::session_log_sum_exp_grad, check_sessions),
    fixed(O::kSumSquares, "fixed[*] -> fixed[1]", "", Split::kWhole, f::sum_squares),
    fixed(O::kClipFactor, "fixed[*]... -> number", "real", Split::kWhole, f::clip_factor),
    fixed(O::kScaleByNumber, "fixed[n] number -> fixed[n]", "", Split::kElements, f::scale_by_number),
    fixed(O::kClipValue, "fixed[n] -> fixed[n]", "real", Split::kElements, f::clip_value),
    fixed(O::kMovingAverage, "param![n] fixed[n]", "decay", Split::kElements, f::moving_average),
    fixed(O::kTableRmsprop, "table![R,D] number param![R,D] number? (samples batch[D])...", "decay real stream real flag limit hasFactor poolings",
          Split::kTable, table_rmsprop, check_table),
    fixed(O::kTableAdadelta, "table![R,D] number param![R,D] param![R,D] number? (samples batch[D])...",
          "decay real stream real flag limit hasFactor poolings", Split::kTable, table_adadelta, check_table),
    fixed(O::kTableLamb, "table![R,D] number param![R,D] param![R,D] number? (samples batch[D])...",
          "decay decay real real stream real flag limit hasFactor poolings", Split::kTable, table_lamb, check_table),
    fixed(O::kTablePartialRowWiseAdam, "table![R,D] number param![R,D] param![R] number? (samples batch[D])...",
          "decay decay real stream real flag limit hasFactor poolings", Split::kTable, table_partial_row_wise_adam, check_table),
    fixed(O::kTablePartialRowWiseLamb, "table![R,D] number param![R,D] param![R] number? (samples batch[D])...",
          "decay decay real real stream real flag limit hasFactor poolings", Split::kTable, table_partial_row_wise_lamb, check_table),
    fixed(O::kTableLarsSgd, "table![R,D] number param![R,D] number? (samples batch[D])...",
          "decay real real stream real flag limit hasFactor poolings", Split::kTable, table_lars_sgd, check_table),
    fixed(O::kTableSumSquares, "table[R,D] (samples batch[D])... -> fixed[P]", "limit poolings", Split::kTableParts,
          table_sum_squares, check_table_squares),
};

static_assert(std::size(kOperations) == std::size(kOpcodeNames), "every opcode has its row");

}  // namespace

const Operation* find_operation(Opcode opcode) {
  for (const Operation& operation : kOperations) {
    if (operation.opcode == opcode) return &operation;
  }
  return nullptr;
}

}  // namespace pairloom
