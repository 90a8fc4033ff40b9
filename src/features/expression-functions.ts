/** The functions of expressions, with a fixed number of arguments or with one or more. */
export interface ExpressionFunction {
  readonly arity: number | "any";
  readonly apply: (...values: number[]) => number;
}

const unary = {
  sin: Math.sin,
  cos: Math.cos,
  tan: Math.tan,
  asin: Math.asin,
  acos: Math.acos,
  atan: Math.atan,
  sinh: Math.sinh,
  cosh: Math.cosh,
  tanh: Math.tanh,
  asinh: Math.asinh,
  acosh: Math.acosh,
  atanh: Math.atanh,
  log: Math.log,
  ln: Math.log,
  log2: Math.log2,
  log10: Math.log10,
  log1p: Math.log1p,
  exp: Math.exp,
  sqrt: Math.sqrt,
  sign: Math.sign,
  abs: Math.abs,
  floor: Math.floor,
  ceil: Math.ceil,
  trunc: Math.trunc,
  round: roundAwayFromZero,
  rint: roundToEven,
  sigmoid: (x: number) => 1 / (1 + Math.exp(-x)),
  isnan: (x: number) => Number(Number.isNaN(x)),
};

export const expressionFunctions: ReadonlyMap<string, ExpressionFunction> = new Map<
  string,
  ExpressionFunction
>([
  ...Object.entries(unary).map(([name, apply]): [string, ExpressionFunction] => [name, { arity: 1, apply }]),
  ["pow", { arity: 2, apply: Math.pow }],
  ["mod", { arity: 2, apply: (x, y) => x % y }],
  ["roundp", { arity: 2, apply: (x, digits) => roundAwayFromZero(x * 10 ** digits) / 10 ** digits }],
  ["min", { arity: "any", apply: Math.min }],
  ["max", { arity: "any", apply: Math.max }],
  ["sum", { arity: "any", apply: sum }],
  ["avg", { arity: "any", apply: (...values) => sum(...values) / values.length }],
]);

/** Rounds halves away from zero, like C's `round`. */
function roundAwayFromZero(x: number): number {
  return Math.sign(x) * Math.round(Math.abs(x));
}

/** Rounds halves to even, like C's `rint`. */
function roundToEven(x: number): number {
  const below = Math.floor(x);
  if (x - below !== 0.5) return Math.round(x);
  return below % 2 === 0 ? below : below + 1;
}

function sum(...values: number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

export const expressionConstants: ReadonlyMap<string, number> = new Map([
  ["_pi", Math.PI],
  ["_e", Math.E],
]);
