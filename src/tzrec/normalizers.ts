import { messageOf } from "../errors.js";
import { parseExpression } from "../features/expression.js";
import { ownValue } from "../own-value.js";
import type { Section } from "./section.js";

/** A `normalizer` of TorchEasyRec, converted. */
export interface Normalizer {
  readonly normalize: { mean: number; std: number } | { min: number; max: number } | { expression: string };
  /** The same as an expression of x. */
  readonly expression: string;
}

/** @throws ImportError */
export function normalizerOf(section: Section): Normalizer | undefined {
  const text = section.text("normalizer") ?? "";
  if (text.trim() === "") return undefined;
  const { method, ...params } = parametersOf(text);
  refuseUnknown(section, method, Object.keys(params));
  const number = (name: string): number => {
    const value = Number(params[name]);
    if (params[name] !== undefined && Number.isFinite(value)) return value;
    throw section.error("normalizer", {
      what: `${name} is not a number`,
      expected: `method=${method},${name}=0.5`,
    });
  };
  switch (method) {
    case "zscore": {
      const [mean, std] = [number("mean"), number("standard_deviation")];
      if (std === 0) throw section.error("normalizer", DIVIDED);
      return { normalize: { mean, std }, expression: `(x - ${operand(mean)}) / ${operand(std)}` };
    }
    case "minmax": {
      const [min, max] = [number("min"), number("max")];
      if (min === max) throw section.error("normalizer", DIVIDED);
      return { normalize: { min, max }, expression: `(x - ${operand(min)}) / ${operand(max - min)}` };
    }
    case "log10": {
      const threshold = params.threshold === undefined ? 1e-10 : number("threshold");
      const otherwise = params.default === undefined ? -10 : number("default");
      return formula(section, `x > ${operand(threshold)} ? log10(x) : ${operand(otherwise)}`);
    }
    case "expression":
      return formula(section, params.expr ?? "");
    default:
      throw section.error("normalizer", {
        what: "this method has no counterpart",
        expected: "method=log10, zscore, minmax or expression",
        next: "Write it as method=expression,expr=….",
      });
  }
}

const DIVIDED = {
  what: "this normalizer divides by 0",
  expected: "a standard_deviation other than 0, and a max other than min",
  next: "Correct the parameters.",
};

/** The parameters of each method of TorchEasyRec's feature generator. */
const PARAMETERS: Readonly<Record<string, readonly string[]>> = {
  zscore: ["mean", "standard_deviation"],
  minmax: ["min", "max"],
  log10: ["threshold", "default"],
  expression: ["expr"],
};

function refuseUnknown(section: Section, method: string, names: readonly string[]): void {
  const known = ownValue(PARAMETERS, method);
  const odd = known && names.find((name) => !known.includes(name));
  if (!known || odd === undefined) return;
  throw section.error("normalizer", {
    what: `${method} has no parameter ${odd}`,
    expected: known.join(", "),
    next: "Correct the name.",
  });
}

const operand = (value: number) => (value < 0 ? `(${value})` : String(value));

function formula(section: Section, expression: string): Normalizer {
  checkExpression(section, "normalizer", expression, ["x"]);
  return { normalize: { expression }, expression };
}

/** @throws ImportError for a formula that Pairloom cannot compute */
export function checkExpression(
  section: Section,
  name: string,
  expression: string,
  variables: readonly string[],
): void {
  const distance = /\b(sphere_dist|haversine)\s*\(/.exec(expression)?.[1];
  if (distance !== undefined)
    throw section.error(name, {
      what: `${distance} has no counterpart: TorchEasyRec does not document its radius and unit`,
      got: expression,
      next: "Write the formula out: 2 * 6371 * asin(sqrt(sin((b - a) / 2)^2 + cos(a) * cos(b) * sin((d - c) / 2)^2)) is the distance in kilometres of the latitudes a, b and longitudes c, d in radians.",
    });
  try {
    parseExpression(expression, variables);
  } catch (error) {
    const [what] = messageOf(error).split("\n");
    throw section.error(name, {
      what,
      got: expression,
      next: "Use the functions that docs/features.md lists.",
    });
  }
}

/** Parses `method=a,k=v`. The text after `expr=` may contain commas, so it goes to the end. */
function parametersOf(text: string): Readonly<Record<string, string>> {
  const [, head, expr] = /^(.*?)(?:,?\s*\bexpr\s*=(.*))?$/s.exec(text) as unknown as [
    string,
    string,
    string | undefined,
  ];
  const pairs = head.split(",").map((pair) => pair.split("=").map((part) => part.trim()) as [string, string]);
  return {
    ...Object.fromEntries(pairs.filter(([key]) => key !== "")),
    ...(expr !== undefined && { expr: expr.trim() }),
  };
}

/**
 * A raw value for which the expression gives `target`; `undefined` if none is found. In TorchEasyRec the default replaces
 * the normalized value, in Pairloom the raw one.
 */
export function rawValueFor(expression: string, target: number): number | undefined {
  const evaluate = parseExpression(expression, ["x"]);
  const miss = (x: number) => evaluate([x]) - target;
  const points = searchPoints();
  const exact = points.find((x) => miss(x) === 0);
  if (exact !== undefined) return exact;
  for (let i = 1; i < points.length; i++) {
    const found = bisect(miss, points[i - 1], points[i]);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Numbers of every magnitude, ascending. */
function searchPoints(): number[] {
  const positive = Array.from({ length: 25 }, (_, i) =>
    [1, 2, 3, 5].map((digit) => digit * 10 ** (i - 12)),
  ).flat();
  return [...positive.map((x) => -x).reverse(), 0, ...positive];
}

function bisect(miss: (x: number) => number, low: number, high: number): number | undefined {
  if (!(miss(low) * miss(high) < 0)) return undefined;
  let [a, b] = [low, high];
  for (let i = 0; i < 200; i++) {
    const middle = (a + b) / 2;
    if (miss(a) * miss(middle) <= 0) b = middle;
    else a = middle;
  }
  const round = Number(b.toPrecision(12));
  const found = Math.abs(miss(round)) <= Math.abs(miss(b)) + 1e-12 ? round : b;
  // A discontinuity at the target is not a solution.
  return Math.abs(miss(found)) < 1e-9 ? found : undefined;
}
