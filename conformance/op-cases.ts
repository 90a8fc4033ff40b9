import type { Op, Pooling } from "../src/graph/op.js";
import { type Tensor, width } from "../src/graph/tensor.js";
import type { TranslationSpec } from "../src/graph/translation.js";
import { ACTIVATIONS, type ActivationFn } from "../src/ops/activation.js";
import { pairCount } from "../src/ops/compressed-interaction.js";
import { OPS, type OpKind, TABLE_UPDATE_KINDS, type TableUpdateKind } from "../src/ops/index.js";
import { wordsOf } from "../src/quantized-rows.js";
import type { Scene } from "./scene.js";

/** Uses one operation on random operands and returns what it makes; none for an update in place. */
export type OpCase = (s: Scene) => readonly Tensor[];

const FUNCTIONS = Object.keys(ACTIVATIONS) as ActivationFn[];

const BITS = [8, 4] as const;

const POOLINGS: readonly Pooling[] = ["sum", "mean"];

const FROM = ["first", "last"] as const;

/** The eps of normalizations: large enough that finite differences see a smooth function. */
const EPS = 0.1;

/** One case for every operation: an operation without one does not compile. Updates of tables share theirs. */
export const OP_CASES: { readonly [K in OpKind]: OpCase } = {
  ...tableUpdateCases(),
  input: (s) => [s.data(s.size())],
  parameter: (s) => {
    const k = s.size();
    return [s.apply(OPS.linear, [s.row(k), s.weight(s.size(), k)], { fn: "none" })];
  },
  scalar: (s) => OP_CASES.sgd(s),
  constant: (s) => {
    const [n, k] = [s.size(), s.size()];
    const w = s.apply(OPS.constant, [], { value: -0.75, shape: [n, k] });
    return [w, s.apply(OPS.linear, [s.row(k), w], { fn: "none" })];
  },
  constantRows: (s) => [
    s.apply(OPS.constantRows, [], { value: 0.3, dims: s.pick([s.size()], [s.size(), s.size()]) }),
  ],

  embedding: (s) => {
    const rows = s.size();
    const table = s.weight(rows, s.size());
    return [1, 2].map(() => s.apply(OPS.embedding, [table, s.ids(rows)], {}));
  },
  embeddingBag: (s) => {
    const rows = s.size();
    const table = s.weight(rows, s.size());
    const poolings: readonly Pooling[] = ["sum", "mean"];
    return poolings.map((pooling) => s.apply(OPS.embeddingBag, [table, s.bags(rows)], { pooling }));
  },

  embedEntries: (s) => {
    const [rows, sequence] = [s.size(), s.sequence()];
    const table = s.weight(rows, s.size());
    const columns = [1, 2].map(() => s.apply(OPS.embedEntries, [table, s.entryIds(rows, sequence)], {}));
    return [s.pooled(s.apply(OPS.multiply, columns, {})), ...columns.map((x) => s.pooled(x))];
  },
  entryWeights: (s) => {
    const [rows, sequence] = [s.size(), s.sequence()];
    const bag = s.entryIds(rows, sequence);
    const weights = s.apply(OPS.entryWeights, [bag], {});
    const vectors = s.apply(OPS.embedEntries, [s.weight(rows, 3), bag], {});
    const spread = s.apply(OPS.broadcastColumns, [weights], { columns: 3 });
    return [s.pooled(s.apply(OPS.multiply, [vectors, spread], {})), s.pooled(weights)];
  },
  windowShares: (s) => {
    const sequence = s.sequence();
    const bag = s.entryIds(s.size(), sequence);
    const window = { from: s.pick("first", "last"), skip: s.pick(0, 1, 3, 50), count: s.pick(1, 2, 70) };
    const shares = s.apply(OPS.windowShares, [bag], window);
    return [s.pooled(shares), s.pooled(s.apply(OPS.multiply, [shares, s.entries(1, sequence)], {}))];
  },
  placeSinusoids: (s) => {
    const sequence = s.sequence();
    const [bag, columns] = [s.entryIds(s.size(), sequence), s.size()];
    const places = s.apply(OPS.placeSinusoids, [bag], { from: s.pick("first", "last"), columns });
    return [s.pooled(s.apply(OPS.multiply, [places, s.entries(columns, sequence)], {}))];
  },
  segmentSum: (s) => {
    const sequence = s.sequence();
    const bag = s.entryIds(s.size(), sequence);
    const x = s.entries(s.size(), sequence);
    return POOLINGS.map((pooling) => s.apply(OPS.segmentSum, [x, bag], { pooling }));
  },
  repeatRows: (s) => {
    const [n, sequence] = [s.size(), s.sequence()];
    const bag = s.entryIds(s.size(), sequence);
    const x = s.row(n);
    const repeated = POOLINGS.map((pooling) => s.apply(OPS.repeatRows, [x, bag], { pooling }));
    return [
      s.pooled(s.apply(OPS.multiply, [repeated[0], s.entries(n, sequence)], {})),
      s.pooled(repeated[1]),
    ];
  },
  segmentSoftmax: (s) => {
    const sequence = s.sequence();
    const bag = s.entryIds(s.size(), sequence);
    const x = s.apply(OPS.scale, [s.entries(1, sequence)], { factor: 3 });
    const y = s.apply(OPS.segmentSoftmax, [x, bag], {});
    return [s.pooled(s.apply(OPS.multiply, [y, s.entries(1, sequence)], {}))];
  },
  segmentSoftmaxGrad: (s) => {
    const sequence = s.sequence();
    const bag = s.entryIds(s.size(), sequence);
    const operands = [s.entries(1, sequence), s.entries(1, sequence), bag];
    return [s.pooled(s.apply(OPS.segmentSoftmaxGrad, operands, {}))];
  },
  segmentAttention: (s) => {
    const { operands, attrs, values, sequence } = attention(s);
    const y = s.apply(OPS.segmentAttention, operands, attrs);
    return [s.pooled(s.apply(OPS.multiply, [y, s.entries(values, sequence)], {}))];
  },
  segmentAttentionGrad: (s) => {
    const { operands, attrs, values, sequence } = attention(s);
    const dy = s.entries(values, sequence);
    return s.applyAll(OPS.segmentAttentionGrad, [dy, ...operands], attrs).map((dx) => s.pooled(dx));
  },
  segmentMax: (s) => {
    const sequence = s.sequence();
    return [s.apply(OPS.segmentMax, [s.entries(s.size(), sequence), s.entryIds(s.size(), sequence)], {})];
  },
  segmentMaxGrad: (s) => {
    const [n, sequence] = [s.size(), s.sequence()];
    const [x, bag] = [s.entries(n, sequence), s.entryIds(s.size(), sequence)];
    const y = s.apply(OPS.segmentMax, [x, bag], {});
    return [s.pooled(s.apply(OPS.segmentMaxGrad, [s.row(n), y, x, bag], {}))];
  },
  segmentMatmul: (s) => {
    const [k, n, sequence] = [s.size(), s.size(), s.sequence()];
    const [x, bag] = [s.entries(k, sequence), s.entryIds(s.size(), sequence)];
    return [
      s.pooled(s.apply(OPS.segmentMatmul, [x, s.row(k, n), bag], { transpose: false })),
      s.pooled(s.apply(OPS.segmentMatmul, [x, s.row(n, k), bag], { transpose: true })),
    ];
  },
  segmentOuter: (s) => {
    const sequence = s.sequence();
    const bag = s.entryIds(s.size(), sequence);
    const [x, y] = [1, 2].map(() => s.entries(s.size(), sequence));
    return [s.apply(OPS.segmentOuter, [x, y, bag], {})];
  },
  gatherEntries: (s) => {
    const { sequence, bag, places } = placed(s);
    const x = s.entries(s.size(), sequence);
    return FROM.map((from) => s.apply(OPS.gatherEntries, [x, places, bag], { from }));
  },
  scatterEntries: (s) => {
    const { sequence, bag, places } = placed(s);
    const [n, count] = [s.size(), width(places)];
    return FROM.map((from) => {
      const entries = s.apply(OPS.scatterEntries, [s.row(count, n), places, bag], { from });
      return s.pooled(s.apply(OPS.multiply, [entries, s.entries(n, sequence)], {}));
    });
  },
  poolEntries: (s) => {
    const { n, outer, outerBag, inner, innerBag } = nested(s);
    return POOLINGS.map((pooling) => {
      const pooled = s.apply(OPS.poolEntries, [s.entries(n, inner), innerBag, outerBag], { pooling });
      return s.pooled(s.apply(OPS.multiply, [pooled, s.entries(n, outer)], {}));
    });
  },
  spreadEntries: (s) => {
    const { n, outer, outerBag, inner, innerBag } = nested(s);
    return POOLINGS.map((pooling) => {
      const spread = s.apply(OPS.spreadEntries, [s.entries(n, outer), outerBag, innerBag], { pooling });
      return s.pooled(s.apply(OPS.multiply, [spread, s.entries(n, inner)], {}));
    });
  },
  concatEntries: (s) => {
    const { n, left, right, both, bags, prefix } = joined(s);
    const operands = [s.entries(n, left), bags[0], s.entries(n, right), bags[1], bags[2]];
    const x = s.apply(OPS.concatEntries, operands, { prefix });
    return [s.pooled(s.apply(OPS.multiply, [x, s.entries(n, both)], {}))];
  },
  splitEntries: (s) => {
    const { n, left, right, both, bags, prefix } = joined(s);
    const parts = s.applyAll(OPS.splitEntries, [s.entries(n, both), bags[2], bags[0], bags[1]], { prefix });
    return parts.map((part, i) =>
      s.pooled(s.apply(OPS.multiply, [part, s.entries(n, [left, right][i])], {})),
    );
  },

  quantizedEmbedding: (s) => {
    const [rows, dim] = [s.size(), s.size()];
    return BITS.map((bits) => {
      const table = s.weight(rows, wordsOf({ bits, dim }));
      return s.apply(OPS.quantizedEmbedding, [table, s.ids(rows)], { bits, dim });
    });
  },
  quantizedEmbeddingBag: (s) => {
    const [rows, dim] = [s.size(), s.size()];
    const table = BITS.map((bits) => s.weight(rows, wordsOf({ bits, dim })));
    return BITS.flatMap((bits, i) =>
      (["sum", "mean"] as const).map((pooling) =>
        s.apply(OPS.quantizedEmbeddingBag, [table[i], s.bags(rows)], { bits, dim, pooling }),
      ),
    );
  },

  translate: (s) => {
    const ids = s.size();
    // Every id may occur in a bag of up to 5, and row 0 is for ids without a row.
    const spec: TranslationSpec = s.pick(
      { kind: "permutation", rows: s.permutation(ids) },
      { kind: "firstCome", rows: ids + 1 },
    );
    const rows = spec.kind === "permutation" ? ids : spec.rows;
    const attrs = { name: s.translation(spec), rows, admits: s.pick(true, false) };
    const table = s.weight(rows, s.size());
    const columns = [s.ids(ids), s.bags(ids), s.ids(ids)];
    const [first, bags, second] = s.applyAll(OPS.translate, columns, attrs);
    return [
      s.apply(OPS.embedding, [table, first], {}),
      s.apply(OPS.embeddingBag, [table, bags], { pooling: "mean" }),
      s.apply(OPS.embedding, [table, second], {}),
    ];
  },

  linear: (s) => {
    const [n, k] = [s.size(), s.size()];
    const x = s.row(k);
    const operands = s.pick(true, false) ? [x, s.weight(n, k), s.weight(n)] : [x, s.weight(n, k)];
    return FUNCTIONS.map((fn) => s.apply(OPS.linear, operands, { fn }));
  },
  linearGradInput: (s) => {
    const [n, k] = [s.size(), s.size()];
    const operands = [s.row(n), s.weight(n, k)];
    const sloped = FUNCTIONS.map((fn) => s.apply(OPS.linearGradInput, [...operands, s.row(k)], { fn }));
    return [s.apply(OPS.linearGradInput, operands, {}), ...sloped];
  },
  linearGradWeight: (s) => [s.apply(OPS.linearGradWeight, [s.row(s.size()), s.row(s.size())], {})],
  sumRows: (s) => [s.apply(OPS.sumRows, [s.pick(s.row(s.size()), s.row(s.size(), s.size()))], {})],
  activation: (s) => {
    const x = s.row(s.size());
    return FUNCTIONS.map((fn) => s.apply(OPS.activation, [x], { fn }));
  },
  activationGrad: (s) => {
    const n = s.size();
    const [dy, x] = [s.row(n), s.row(n)];
    return FUNCTIONS.map((fn) => s.apply(OPS.activationGrad, [dy, x], { fn }));
  },

  concat: (s) => {
    const [d, x] = [s.size(), s.row(s.size())];
    const matrices = [s.row(s.size(), d), s.row(s.size(), d)];
    return [
      s.apply(OPS.concat, [x, s.row(s.size()), x], {}),
      s.apply(OPS.concat, matrices, {}),
      s.apply(OPS.concat, [x], {}),
    ];
  },
  slice: (s) => {
    const [before, size, after, d] = [s.size() - 1, s.size(), s.size() - 1, s.size()];
    const x = s.row(before + size + after, d);
    const part = (start: number, size: number) => s.apply(OPS.slice, [x], { start, size });
    const overlapping = [part(before, size), part(before, size), part(0, s.size(before + size))];
    return [...overlapping, ...(after > 0 ? [part(before + size, after)] : [])];
  },
  reshape: (s) => {
    const [f, d] = [s.size(), s.size()];
    return [s.apply(OPS.reshape, [s.row(f * d)], { dims: [f, d] })];
  },

  add: (s) => {
    const [n, k] = [s.size(), s.size()];
    const x = s.row(k);
    const w = s.apply(OPS.add, [s.weight(n, k), s.weight(n, k)], {});
    return [s.apply(OPS.add, [x, s.row(k), x], {}), s.apply(OPS.linear, [x, w], { fn: "none" })];
  },
  addBias: (s) => {
    const n = s.size();
    return [s.apply(OPS.addBias, [s.row(n), s.weight(n)], {})];
  },
  multiply: (s) => {
    const n = s.size();
    const x = s.row(n);
    return [s.apply(OPS.multiply, [x, s.row(n)], {}), s.apply(OPS.multiply, [x, x], {})];
  },
  scale: (s) => {
    const [n, k] = [s.size(), s.size()];
    const factor = s.pick(-1.5, 0, 0.1);
    const w = s.apply(OPS.scale, [s.weight(n, k)], { factor });
    return [
      s.apply(OPS.scale, [s.row(n, k)], { factor }),
      s.apply(OPS.linear, [s.row(k), w], { fn: "none" }),
    ];
  },
  sumColumns: (s) => [s.apply(OPS.sumColumns, [s.row(s.size())], {})],
  broadcastColumns: (s) => [s.apply(OPS.broadcastColumns, [s.row(1)], { columns: s.size() })],

  dotInteraction: (s) => [s.apply(OPS.dotInteraction, [s.row(1 + s.size(), s.size())], {})],
  dotInteractionGrad: (s) => {
    const [f, d] = [1 + s.size(), s.size()];
    return [s.apply(OPS.dotInteractionGrad, [s.row((f * (f - 1)) / 2), s.row(f, d)], {})];
  },
  factorizationMachine: (s) => [s.apply(OPS.factorizationMachine, [s.row(s.size(), s.size())], {})],
  factorizationMachineGrad: (s) => {
    const d = s.size();
    return [s.apply(OPS.factorizationMachineGrad, [s.row(d), s.row(s.size(), d)], {})];
  },
  batchMatmul: (s) => {
    const [m, k, n] = [s.size(), s.size(), s.size()];
    const [transposeA, transposeB] = [s.pick(true, false), s.pick(true, false)];
    const a = transposeA ? [k, m] : [m, k];
    const b = transposeB ? [n, k] : [k, n];
    const x = s.row(m, k);
    return [
      s.apply(OPS.batchMatmul, [s.row(...a), s.row(...b)], { transposeA, transposeB }),
      s.apply(OPS.batchMatmul, [s.weight(...a), s.row(...b)], { transposeA, transposeB }),
      s.apply(OPS.batchMatmul, [s.row(...a), s.weight(...b)], { transposeA, transposeB }),
      s.apply(OPS.batchMatmul, [x, x], { transposeA, transposeB: !transposeA }),
    ];
  },
  softmax: (s) => [
    s.apply(OPS.softmax, [s.row(s.size())], {}),
    s.apply(OPS.softmax, [s.apply(OPS.scale, [s.row(s.size(), s.size())], { factor: 10 })], {}),
  ],
  softmaxGrad: (s) => {
    const dims = s.pick([s.size()], [s.size(), s.size()]);
    return [s.apply(OPS.softmaxGrad, [s.row(...dims), s.row(...dims)], {})];
  },
  transpose: (s) => [s.apply(OPS.transpose, [s.row(s.size(), s.size())], {})],
  scaleColumns: (s) => {
    const n = s.size();
    return [s.apply(OPS.scaleColumns, [s.row(n), s.weight(n)], {})];
  },

  compressedInteraction: (s) => {
    const { x, x0, attrs, count, dim } = interaction(s);
    const units = s.size();
    const bias = s.pick(true, false) ? [s.weight(units)] : [];
    const y = s.apply(OPS.compressedInteraction, [x, x0, s.weight(units, count), ...bias], attrs);
    return [s.apply(OPS.reshape, [y], { dims: [units * dim] })];
  },
  compressedInteractionGradInput: (s) => {
    const { x, x0, attrs, count, dim } = interaction(s);
    const units = s.size();
    const operands = [s.row(units, dim), x, x0, s.weight(units, count)];
    return [...s.applyAll(OPS.compressedInteractionGradInput, operands, attrs)];
  },
  compressedInteractionGradWeight: (s) => {
    const { x, x0, attrs, dim } = interaction(s);
    return [s.apply(OPS.compressedInteractionGradWeight, [s.row(s.size(), dim), x, x0], attrs)];
  },
  foldPairs: (s) => {
    const [n, f] = [s.size(), s.size(6)];
    const folded = s.apply(OPS.foldPairs, [s.weight(n, f * f)], {});
    return [s.apply(OPS.linear, [s.row((f * (f + 1)) / 2), folded], { fn: "none" })];
  },
  unfoldPairs: (s) => {
    const [n, f] = [s.size(), s.size(6)];
    const unfolded = s.apply(OPS.unfoldPairs, [s.weight(n, (f * (f + 1)) / 2)], {});
    return [s.apply(OPS.linear, [s.row(f * f), unfolded], { fn: "none" })];
  },
  sumInner: (s) => [s.apply(OPS.sumInner, [s.row(s.size(), s.size())], {})],
  broadcastInner: (s) => [s.apply(OPS.broadcastInner, [s.row(s.size())], { size: s.size() })],

  batchMoments: (s) => s.applyAll(OPS.batchMoments, [s.row(s.size())], {}),
  batchNormalize: (s) => {
    const n = s.size();
    const x = s.row(n);
    const moments = s.applyAll(OPS.batchMoments, [x], {});
    return [
      s.apply(OPS.batchNormalize, [x, ...moments, s.weight(n), s.weight(n)], { eps: EPS, training: true }),
      s.apply(OPS.batchNormalize, [x, s.state(n), s.state(n), s.weight(n), s.weight(n)], {
        eps: EPS,
        training: false,
      }),
    ];
  },
  batchNormGradSums: (s) => {
    const n = s.size();
    return s.applyAll(OPS.batchNormGradSums, [s.row(n), s.row(n), s.state(n), s.state(n)], { eps: EPS });
  },
  batchNormGradInput: (s) => {
    const n = s.size();
    const fixed = [s.state(n), s.state(n), s.weight(n), s.weight(n), s.weight(n)];
    return [s.apply(OPS.batchNormGradInput, [s.row(n), s.row(n), ...fixed], { eps: EPS })];
  },
  updateRunning: (s) => {
    const x = s.row(s.size());
    const moments = s.applyAll(OPS.batchMoments, [x], {});
    const [n] = moments[0].shape as number[];
    s.applyAll(OPS.updateRunning, [s.state(n), s.state(n), ...moments], { momentum: s.pick(0, 0.1, 1) });
    return [];
  },
  layerNorm: (s) => {
    const n = s.size();
    const x = s.pick(s.row(n), s.row(s.size(), n));
    return [s.apply(OPS.layerNorm, [x, s.weight(n), s.weight(n)], { eps: EPS })];
  },
  layerNormGradInput: (s) => {
    const n = s.size();
    const dims = s.pick([n], [s.size(), n]);
    return [s.apply(OPS.layerNormGradInput, [s.row(...dims), s.row(...dims), s.weight(n)], { eps: EPS })];
  },
  layerNormGradParams: (s) => {
    const dims = s.pick([s.size()], [s.size(), s.size()]);
    return s.applyAll(OPS.layerNormGradParams, [s.row(...dims), s.row(...dims)], { eps: EPS });
  },

  dropout: (s) => [
    s.apply(OPS.dropout, [s.row(s.size(), s.size())], {
      rate: s.pick(0, 0.1, 0.5, 0.9),
      stream: s.pick(0, 7, 0xffffffff),
    }),
  ],
  logisticNoise: (s) => [
    s.apply(OPS.logisticNoise, [], { dims: [s.size(), s.size()], stream: s.pick(0, 7, 0xffffffff) }),
  ],
  sigmoidCrossEntropy: (s) => {
    const logits = s.apply(OPS.scale, [s.row(1)], { factor: s.pick(1, 30) });
    return [s.apply(OPS.sigmoidCrossEntropy, [logits, s.data(1)], {})];
  },
  sigmoidCrossEntropyGrad: (s) => {
    const logits = s.apply(OPS.scale, [s.row(1)], { factor: s.pick(1, 30) });
    return [s.apply(OPS.sigmoidCrossEntropyGrad, [s.row(1), logits, s.data(1)], {})];
  },
  batchMean: (s) => [s.apply(OPS.batchMean, [s.row(1)], {})],
  batchMeanGrad: (s) => [s.apply(OPS.batchMeanGrad, [s.weight(1)], {})],

  sgd: (s) => {
    const shape = s.pick([s.size()], [s.size(), s.size()]);
    s.applyAll(OPS.sgd, [s.weight(...shape), s.weight(...shape), s.rate()], { l2: s.pick(0, 0.1) });
    return [];
  },
  adagrad: (s) => {
    const shape = [s.size(), s.size()];
    const operands = [s.weight(...shape), s.weight(...shape), s.rate(), s.state(...shape)];
    s.applyAll(OPS.adagrad, operands, { eps: 1e-8, l2: s.pick(0, 0.1) });
    return [];
  },
  momentum: (s) => {
    const shape = [s.size(), s.size()];
    const operands = [s.weight(...shape), s.weight(...shape), s.rate(), s.weight(...shape)];
    const settings = { momentum: 0.9, dampening: s.pick(0, 0.3), nesterov: s.pick(false, true) };
    s.applyAll(OPS.momentum, operands, { ...settings, l2: s.pick(0, 0.1) });
    return [];
  },
  rmsprop: (s) => {
    const shape = [s.size(), s.size()];
    const operands = [s.weight(...shape), s.weight(...shape), s.rate(), s.state(...shape)];
    s.applyAll(OPS.rmsprop, operands, { decay: 0.95, eps: 1e-4, l2: s.pick(0, 0.1) });
    return [];
  },
  adadelta: (s) => {
    const shape = [s.size(), s.size()];
    const states = [s.state(...shape), s.state(...shape)];
    const operands = [s.weight(...shape), s.weight(...shape), s.rate(), ...states];
    s.applyAll(OPS.adadelta, operands, { decay: 0.9, eps: 1e-4, l2: s.pick(0, 0.1) });
    return [];
  },
  adam: (s) => {
    const shape = [s.size(), s.size()];
    const operands = [
      s.weight(...shape),
      s.weight(...shape),
      s.rate(),
      s.weight(...shape),
      s.state(...shape),
    ];
    const attrs = { beta1: 0.9, beta2: 0.999, eps: 1e-8, l2: s.pick(0, 0.1), weightDecay: s.pick(0, 0.01) };
    s.applyAll(OPS.adam, operands, attrs);
    return [];
  },

  focalCrossEntropy: (s) => [
    s.apply(OPS.focalCrossEntropy, logitsAndLabels(s), { gamma: s.pick(0.5, 2), alpha: s.pick(0.25, 0.5) }),
  ],
  focalCrossEntropyGrad: (s) => [
    s.apply(OPS.focalCrossEntropyGrad, [s.row(1), ...logitsAndLabels(s)], {
      gamma: s.pick(0.5, 2),
      alpha: s.pick(0.25, 0.5),
    }),
  ],
  softmaxCrossEntropy: (s) => {
    const classes = s.size();
    const operands = [s.row(classes), s.classes(classes)];
    return [0, 0.2].map((smoothing) => s.apply(OPS.softmaxCrossEntropy, operands, { smoothing }));
  },
  softmaxCrossEntropyGrad: (s) => {
    const classes = s.size();
    const operands = [s.row(1), s.row(classes), s.classes(classes)];
    return [s.apply(OPS.softmaxCrossEntropyGrad, operands, { smoothing: s.pick(0, 0.2) })];
  },
  sessionLogSumExp: (s) => {
    // Every row has a competitor on most draws; where none has, the result is -infinity, and its softplus 0.
    const competition = s.apply(OPS.sessionLogSumExp, [s.row(2), s.classes(2), s.ids(s.size(4))], {});
    return [s.apply(OPS.activation, [competition], { fn: "softplus" })];
  },
  sessionLogSumExpGrad: (s) => {
    const operands = [s.row(2), s.classes(2), s.ids(s.size(4)), s.row(1)];
    return [s.apply(OPS.sessionLogSumExpGrad, operands, {})];
  },
  rightClass: (s) => {
    const classes = s.size();
    return [s.apply(OPS.rightClass, [s.row(classes), s.classes(classes)], {})];
  },
  scoreHistogram: (s) => {
    const [labels, bins] = [s.size(3), s.pick(1, 7, 4096)];
    const logits = s.apply(OPS.scale, [s.row(labels)], { factor: s.pick(1, 30, 1000) });
    s.applyAll(OPS.scoreHistogram, [s.state(labels, 2, bins), logits, s.data(labels)], {});
    return [];
  },
  sumSquares: (s) => {
    const shape = s.pick([s.size()], [s.size(), s.size()]);
    return rowsOf(s, s.apply(OPS.sumSquares, [s.weight(...shape)], {}));
  },
  clipFactor: (s) => {
    const sums = Array.from({ length: s.size(4) }, () => s.state(s.pick(1, 16)));
    return rowsOf(s, s.apply(OPS.clipFactor, sums, { norm: s.pick(0.1, 100) }));
  },
  scaleByNumber: (s) => {
    const [n, k] = [s.size(), s.size()];
    const w = s.apply(OPS.scaleByNumber, [s.weight(n, k), s.weight(1)], {});
    return [s.apply(OPS.linear, [s.row(k), w], { fn: "none" })];
  },
  clipValue: (s) => {
    const [n, k] = [s.size(), s.size()];
    const w = s.apply(OPS.clipValue, [s.weight(n, k)], { limit: s.pick(0.2, 2) });
    return [s.apply(OPS.linear, [s.row(k), w], { fn: "none" })];
  },
  movingAverage: (s) => {
    // After an update in the same step, whose result it has to see.
    const shape = [s.size(), s.size()];
    const w = s.weight(...shape);
    s.applyAll(OPS.sgd, [w, s.weight(...shape), s.rate()], { l2: 0 });
    s.applyAll(OPS.movingAverage, [s.state(...shape), w], { decay: s.pick(0, 0.9, 0.9999) });
    return [];
  },
  tableSumSquares: (s) => {
    const { table, pairs, poolings } = tableLookups(s);
    const parts = s.apply(OPS.tableSumSquares, [table, ...pairs], {
      poolings,
      limit: s.pick(undefined, 0.5),
    });
    return [s.apply(OPS.addBias, [s.row(1024), parts], {})];
  },
};

/** A number [1] as a row tensor, that cases of fixed operations have something to return. */
function rowsOf(s: Scene, number: Tensor): Tensor[] {
  return [s.apply(OPS.batchMeanGrad, [number], {})];
}

/** Logits of both signs, some of them large, and labels. */
function logitsAndLabels(s: Scene): [Tensor, Tensor] {
  return [s.apply(OPS.scale, [s.row(1)], { factor: s.pick(1, 30) }), s.data(1)];
}

/** Every embedding optimizer with random settings. A first moment `m` has both signs, the other states are positive. */
function tableUpdateCases(): Record<TableUpdateKind, OpCase> {
  const caseOf =
    (kind: TableUpdateKind): OpCase =>
    (s) => {
      const { states, settings, ...op } = OPS[kind];
      const { table, rate, pairs, attrs, rows, dim } = tableUpdate(s);
      const operands = Object.entries(states).map(([name, shape]) => {
        const dims = shape === "table" ? [rows, dim] : [rows];
        return name === "m" ? s.weight(...dims) : s.state(...dims);
      });
      const values = Object.entries(settings).map(([name, type]) => [
        name,
        type === "decay" ? s.pick(0.9, 0.999) : s.pick(1e-6, 0.01),
      ]);
      s.applyAll(op as Op, [table, rate, ...operands, ...pairs], { ...attrs, ...Object.fromEntries(values) });
      return [];
    };
  return Object.fromEntries(TABLE_UPDATE_KINDS.map((kind) => [kind, caseOf(kind)])) as Record<
    TableUpdateKind,
    OpCase
  >;
}

/** An update of a table, its gradients bounded in some. */
function tableUpdate(s: Scene) {
  const { table, pairs, poolings, rows, dim } = tableLookups(s);
  const scaled = s.pick(true, false);
  const bounds = { limit: s.pick(undefined, 0.5), scaled };
  const attrs = { poolings, l2: s.pick(0, 0.1), everyRow: s.pick(true, false), ...bounds };
  return { table, rate: s.rate(), pairs: scaled ? [s.state(1), ...pairs] : pairs, attrs, rows, dim };
}

/** A table with one to three lookups, plain and pooled. */
function tableLookups(s: Scene) {
  const [rows, dim] = [s.size(), s.size()];
  const table = s.weight(rows, dim);
  const lookups = s.pick<readonly (Pooling | "id")[]>(["id"], ["mean"], ["id", "sum"], ["mean", "id", "sum"]);
  const pairs = lookups.flatMap((kind) => [kind === "id" ? s.ids(rows) : s.bags(rows), s.row(dim)]);
  const poolings = lookups.map((kind): Pooling => (kind === "id" ? "sum" : kind));
  return { table, pairs, poolings, rows, dim };
}

/** Maps and fields, some with only the upper triangle of their pairs, some with fields as their own maps. */
function interaction(s: Scene) {
  const pairs = s.pick("all", "upper");
  const [dim, fields] = [s.size(), Math.ceil(s.size() / 2)];
  const maps = pairs === "upper" ? fields : Math.ceil(s.size() / 2);
  const x0 = s.row(fields, dim);
  const x = maps === fields && s.pick(true, false) ? x0 : s.row(maps, dim);
  return { x, x0, attrs: { pairs }, count: pairCount(maps, fields, pairs), dim } as const;
}

/** A sequence, and another one of ids within its entries. */
function nested(s: Scene) {
  const [n, outer] = [s.size(), s.sequence()];
  const { bag: innerBag, sequence: inner } = s.within(outer);
  return { n, outer, outerBag: s.entryIds(s.size(), outer), inner, innerBag };
}

/** Two sequences, and one with about the entries of both. */
function joined(s: Scene) {
  const [n, left, right] = [s.size(), s.sequence(), s.sequence()];
  const both = s.joined(left, right);
  const bags = [left, right, both].map((sequence) => s.entryIds(s.size(), sequence));
  return { n, left, right, both, bags, prefix: s.pick(0, 1, 3, 9) };
}

/** A sequence, and places in its rows. */
function placed(s: Scene) {
  const sequence = s.sequence();
  return { sequence, bag: s.entryIds(s.size(), sequence), places: s.places(s.size()) };
}

function attention(s: Scene) {
  const [sequence, heads] = [s.sequence(), s.pick(1, 2, 3)];
  const [keys, values] = [heads * s.pick(1, 2, 5), heads * s.pick(1, 3)];
  const [q, k, v] = [keys, keys, values].map((columns) => s.entries(columns, sequence));
  return { operands: [q, k, v, s.entryIds(s.size(), sequence)], attrs: { heads }, values, sequence };
}
