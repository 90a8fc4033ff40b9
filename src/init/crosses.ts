import { draw, drawKey } from "../random.js";

/** A column as one id per row, in [0, values). Numbers are given as buckets. */
export interface CodedColumn {
  readonly name: string;
  readonly codes: Int32Array;
  readonly values: number;
}

/** A cross of two or three columns that says more about the label than its columns one by one. */
export interface ProposedCross {
  readonly columns: readonly string[];
  /** By how much the log loss of held-out rows falls, in nats per row. */
  readonly gain: number;
  /** Number of combinations that occur. */
  readonly cells: number;
}

/** Numbers the values of a column in the order of their first rows. Missing is a value too. */
export function codeColumn(name: string, texts: readonly (string | null)[]): CodedColumn {
  const known = new Map<string | null, number>();
  const codes = Int32Array.from(texts, (text) => {
    const code = known.get(text) ?? known.size;
    if (code === known.size) known.set(text, code);
    return code;
  });
  return { name, codes, values: Math.max(known.size, 1) };
}

/** Pairs from which triples are grown. */
const GROWN_PAIRS = 5;
/** A gain must exceed this many standard errors: most of many crosses that are tried say nothing. */
const STANDARD_ERRORS = 4;
/** And this share of the log loss, below which a cross is not worth its table. */
const SMALLEST_SHARE = 1e-4;

/**
 * Scores the crosses of columns by the held-out gain of a linear model. Half of the rows fit a logistic regression with one
 * weight for each value of each column; then one Newton step from there fits a weight for each cell of a cross, shrunk
 * towards 0, and the other half measures by how much the log loss falls. Triples are grown from the best pairs; one is listed
 * if it gains more than its pairs, and no better triple has two of its columns. The rows are halved by a hash of their
 * numbers, so that the result is always the same.
 * @param labels [rows], 0 or 1
 * @returns the crosses whose gain is clear of chance, the best first
 */
export function proposeCrosses(columns: readonly CodedColumn[], labels: ArrayLike<number>): ProposedCross[] {
  if (new Set(Array.from(labels)).size < 2) return [];
  const rows = halve(labels);
  const base = additiveLogits(columns, rows);
  const smallest = SMALLEST_SHARE * lossOf(base, rows);
  const isClear = ({ gain, error }: Scored, above = smallest) => gain > above + STANDARD_ERRORS * error;
  const pairs = columns.flatMap((a, i) => columns.slice(i + 1).map((b) => score([a, b], base, rows)));
  const best = pairs.filter((pair) => isClear(pair)).sort(byGain);
  const triples = grow(best.slice(0, GROWN_PAIRS), columns).map((parts) => {
    const within = best.filter(({ parts: pair }) => pair.every((column) => parts.includes(column)));
    return { triple: score(parts, base, rows), pairs: Math.max(...within.map(({ gain }) => gain)) };
  });
  const better = triples.filter(({ triple, pairs }) => isClear(triple, pairs)).map(({ triple }) => triple);
  return [...best, ...distinct(better)].sort(byGain).map(({ parts, gain, cells }) => {
    return { columns: parts.map(({ name }) => name), gain, cells };
  });
}

/** The labels, and the rows for fitting and for measuring. */
interface Halves {
  readonly labels: ArrayLike<number>;
  readonly fit: Int32Array;
  readonly held: Int32Array;
}

function halve(labels: ArrayLike<number>): Halves {
  const key = drawKey(1, 0, 0);
  const all = Array.from({ length: labels.length }, (_, row) => row);
  const isHeld = (row: number) => (draw(key, row) & 1) === 1;
  return {
    labels,
    fit: Int32Array.from(all.filter((row) => !isHeld(row))),
    held: Int32Array.from(all.filter(isHeld)),
  };
}

const sigmoid = (logit: number) => 1 / (1 + Math.exp(-logit));
/** log(1 + e^z) - y z, for any z. */
const logLoss = (z: number, y: number) => Math.max(z, 0) + Math.log1p(Math.exp(-Math.abs(z))) - y * z;

/** Rounds over all columns of the additive model; it converges in a few. */
const ROUNDS = 8;
/** Weights of the additive model are shrunk as if each value had this much information of its own at 0. */
const ADDITIVE_PRIOR = 1;

/** The logits [rows] of a logistic regression on the columns, fitted to half of the rows column by column. */
function additiveLogits(columns: readonly CodedColumn[], rows: Halves): Float64Array {
  const logits = new Float64Array(rows.labels.length);
  const intercept = { codes: new Int32Array(logits.length), values: 1 };
  const all = [intercept, ...columns].map(({ codes, values }) => ({
    codes,
    weights: new Float64Array(values),
  }));
  for (let round = 0; round < ROUNDS; round++)
    for (const { codes, weights } of all) {
      const { gradient, information } = derivatives(codes, weights.length, logits, rows);
      const steps = weights.map(
        (w, i) => (gradient[i] - ADDITIVE_PRIOR * w) / (information[i] + ADDITIVE_PRIOR),
      );
      for (let row = 0; row < logits.length; row++) logits[row] += steps[codes[row]];
      for (let i = 0; i < weights.length; i++) weights[i] += steps[i];
    }
  return logits;
}

/** The first two derivatives of the log likelihood by a shift of each cell's logits, over the fitted rows. */
function derivatives(codes: Int32Array, cells: number, logits: Float64Array, { labels, fit }: Halves) {
  const gradient = new Float64Array(cells);
  const information = new Float64Array(cells);
  for (const row of fit) {
    const p = sigmoid(logits[row]);
    gradient[codes[row]] += labels[row] - p;
    information[codes[row]] += p * (1 - p);
  }
  return { gradient, information };
}

interface Scored {
  readonly parts: readonly CodedColumn[];
  readonly gain: number;
  /** The standard error of the gain. */
  readonly error: number;
  readonly cells: number;
}

const byGain = (a: Scored, b: Scored) => b.gain - a.gain;

/** How strongly the weights of cells are shrunk; the best is taken, because crosses differ in the rows of a cell. */
const CELL_PRIORS = [1, 4, 16];

function score(parts: readonly CodedColumn[], base: Float64Array, rows: Halves): Scored {
  const { codes, values } = cellsOf(parts);
  const { gradient, information } = derivatives(codes, values, base, rows);
  const gains = CELL_PRIORS.map((prior) =>
    gainOf(
      codes,
      gradient.map((g, i) => g / (information[i] + prior)),
      base,
      rows,
    ),
  );
  const best = gains.reduce((a, b) => (b.gain > a.gain ? b : a));
  return { parts, ...best, cells: information.reduce((count, x) => count + (x > 0 ? 1 : 0), 0) };
}

/** The mean fall of the log loss of the held-out rows, with its standard error. */
function gainOf(codes: Int32Array, weights: Float64Array, base: Float64Array, { labels, held }: Halves) {
  let [sum, squares] = [0, 0];
  for (const row of held) {
    const fall = logLoss(base[row], labels[row]) - logLoss(base[row] + weights[codes[row]], labels[row]);
    sum += fall;
    squares += fall * fall;
  }
  const count = Math.max(held.length, 1);
  const gain = sum / count;
  return { gain, error: Math.sqrt(Math.max(squares / count - gain * gain, 0) / count) };
}

function lossOf(logits: Float64Array, { labels, held }: Halves): number {
  return held.reduce((sum, row) => sum + logLoss(logits[row], labels[row]), 0) / Math.max(held.length, 1);
}

/** The sets of three columns that add one to a pair, each once. */
function grow(pairs: readonly Scored[], columns: readonly CodedColumn[]): CodedColumn[][] {
  const grown = pairs.flatMap(({ parts }) =>
    columns.filter((column) => !parts.includes(column)).map((column) => [...parts, column]),
  );
  const inOrder = grown.map((parts) => columns.filter((column) => parts.includes(column)));
  return [...new Map(inOrder.map((parts) => [parts.map(({ name }) => name).join("\0"), parts])).values()];
}

/** The triples without those that share two columns with a better one: both would say nearly the same. */
function distinct(triples: readonly Scored[]): Scored[] {
  const kept: Scored[] = [];
  for (const triple of [...triples].sort(byGain)) {
    const shared = kept.map(({ parts }) => parts.filter((column) => triple.parts.includes(column)).length);
    if (shared.every((count) => count < 2)) kept.push(triple);
  }
  return kept;
}

/** Crosses with more combinations are hashed to this many cells. */
const MOST_CELLS = 2 ** 19;

function cellsOf(parts: readonly CodedColumn[]): Omit<CodedColumn, "name"> {
  const combinations = parts.reduce((product, { values }) => product * values, 1);
  const codes = new Int32Array(parts[0].codes.length);
  for (const { codes: own, values } of parts)
    for (let row = 0; row < codes.length; row++)
      codes[row] = combinations > MOST_CELLS ? mix(codes[row], own[row]) : codes[row] * values + own[row];
  return { codes, values: Math.min(combinations, MOST_CELLS) };
}

/** A hash of two numbers in [0, MOST_CELLS): the multiplication by Fibonacci hashing (Knuth, volume 3, section 6.4). */
const mix = (a: number, b: number) => Math.imul(Math.imul(a + 1, 0x9e3779b1) ^ b, 0x9e3779b1) >>> 13;
