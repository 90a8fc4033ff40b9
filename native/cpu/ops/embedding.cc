// Embedding table lookups, and what makes rows of ids.
#include "cpu/exchange/row_route.h"
#include "cpu/operation.h"
#include "cpu/translator.h"

namespace pairloom::embedding_ops {
namespace {

// Ids and bags start at the beginning of their buffer's row, consecutively.
ConstIds ids(const Tile& t, const View& view) { return {t.at(view), is_wide(view.dtype)}; }
const Bag* bags(const Tile& t, const View& view) { return reinterpret_cast<const Bag*>(t.at(view)); }

void embedding(const BoundInstruction& i, Tile& t) {
  const auto& v = i.views;
  t.kernels.embedding(v[0].table(), v[0].dims[1], ids(t, v[1]), 1, t.out(v[2]), t.rows);
}

void embedding_bag(const BoundInstruction& i, Tile& t) {
  const auto& v = i.views;
  t.kernels.embedding_bag(v[0].table(), v[0].dims[1], bags(t, v[1]), 1, is_wide(v[1].dtype), t.out(v[2]), t.rows,
                          i.attribute(0) == 1);
}

QuantizedRow quantized_row(const BoundInstruction& i) {
  return {uint32_t(i.views[0].dims[1]), uint32_t(i.views[2].size), uint32_t(i.attribute(0))};
}

void quantized_embedding(const BoundInstruction& i, Tile& t) {
  const auto& v = i.views;
  t.kernels.quantized_embedding(v[0].base, quantized_row(i), ids(t, v[1]), 1, t.out(v[2]), t.rows);
}

void quantized_embedding_bag(const BoundInstruction& i, Tile& t) {
  const auto& v = i.views;
  t.kernels.quantized_embedding_bag(v[0].base, quantized_row(i), bags(t, v[1]), 1, is_wide(v[1].dtype), t.out(v[2]),
                                    t.rows, i.attribute(1) == 1);
}

void translate(const BoundInstruction& i, const FixedJob&, Worker& worker) {
  worker.step->translators[size_t(i.attribute(0))].run(i, *worker.step);
}

void unique_rows(const BoundInstruction& i, const FixedJob&, Worker& worker) {
  (*worker.step->routes)[size_t(i.attribute(0))].list(i, *worker.step);
}

}  // namespace

constexpr CpuOperation kOperations[] = {
    {.opcode = Opcode::kTranslate, .fixed = translate},
    {.opcode = Opcode::kUniqueRows, .fixed = unique_rows},
    {.opcode = Opcode::kEmbedding, .tile = embedding},
    {.opcode = Opcode::kEmbeddingBag, .tile = embedding_bag},
    {.opcode = Opcode::kQuantizedEmbedding, .tile = quantized_embedding},
    {.opcode = Opcode::kQuantizedEmbeddingBag, .tile = quantized_embedding_bag},
};

}  // namespace pairloom::embedding_ops
