import type { TableInitializer } from "../layers/initializer.js";
import { ownValue } from "../own-value.js";
import type { Section } from "./section.js";

/** The shape [rows, dim] of a table. */
type Shape = readonly [rows: number, dim: number];
type Parameters = Readonly<Record<string, string>>;

/** The initial values of a method of `torch.nn.init` with the parameters of PyTorch, `undefined` if it has other ones. */
type Method = (parameters: Parameters, shape: Shape) => TableInitializer | undefined;

/** The names of its parameters, and its initial values. */
type Known = readonly [names: readonly string[], method: Method];

const number = (parameters: Parameters, name: string, otherwise: number) =>
  Number(parameters[name] ?? otherwise);

const around = (mean: number) => (mean === 0 ? {} : { mean });
const uniform = (range: number, mean = 0): TableInitializer => ({ kind: "uniform", range, ...around(mean) });
const normal = (std: number, mean = 0): TableInitializer => ({ kind: "normal", std, ...around(mean) });
const constant = (value: number): TableInitializer => ({ kind: "constant", value });

/** Glorot & Bengio, 2010. */
const xavierStd = (parameters: Parameters, [rows, dim]: Shape) =>
  number(parameters, "gain", 1) * Math.sqrt(2 / (rows + dim));

/** He et al., 2015: the gain of a leaky rectifier with slope a, over the columns or the rows. */
function kaimingStd(parameters: Parameters, [rows, dim]: Shape): number {
  const { nonlinearity = "leaky_relu", mode = "fan_in" } = parameters;
  const slope = nonlinearity === "leaky_relu" ? number(parameters, "a", 0) : 0;
  const isKnown = ["leaky_relu", "relu"].includes(nonlinearity) && ["fan_in", "fan_out"].includes(mode);
  return isKnown ? Math.sqrt(2 / (1 + slope ** 2) / (mode === "fan_in" ? dim : rows)) : Number.NaN;
}

function between(parameters: Parameters): TableInitializer {
  const [low, high] = [number(parameters, "a", 0), number(parameters, "b", 1)];
  return uniform((high - low) / 2, (low + high) / 2);
}

const KAIMING = ["a", "mode", "nonlinearity"];

const METHODS: Readonly<Record<string, Known>> = {
  uniform_: [["a", "b"], between],
  normal_: [["mean", "std"], (given) => normal(number(given, "std", 1), number(given, "mean", 0))],
  zeros_: [[], () => constant(0)],
  ones_: [[], () => constant(1)],
  constant_: [["val"], (given) => constant(number(given, "val", Number.NaN))],
  xavier_uniform_: [["gain"], (given, shape) => uniform(Math.sqrt(3) * xavierStd(given, shape))],
  xavier_normal_: [["gain"], (given, shape) => normal(xavierStd(given, shape))],
  kaiming_uniform_: [KAIMING, (given, shape) => uniform(Math.sqrt(3) * kaimingStd(given, shape))],
  kaiming_normal_: [KAIMING, (given, shape) => normal(kaimingStd(given, shape))],
};

/**
 * An initializer such as `nn.init.uniform_,a=-0.01,b=0.01`, the method and parameters of `torch.nn.init`.
 * @param shape of the table; without one, methods that depend on the shape are refused
 * @throws ImportError
 */
export function initializerOf(section: Section, name: string, shape?: Shape): TableInitializer | undefined {
  const text = section.text(name) ?? "";
  if (text === "") return undefined;
  const initializer = initializerFrom(text, shape ?? [Number.NaN, Number.NaN]);
  if (initializer && isSound(initializer)) return initializer;
  throw section.error(name, {
    what: "this initializer has no counterpart",
    expected: `nn.init.${Object.keys(METHODS).join(", ")} with its parameters by name, as a=-0.01${shape ? "" : "; here only those that do not depend on the number of rows"}`,
    next: "Use one of them, or remove it.",
  });
}

/** `undefined` for another method, and for a parameter that it does not have or that has no name. */
function initializerFrom(text: string, shape: Shape): TableInitializer | undefined {
  const [method, ...pairs] = text.split(",").map((part) => part.trim());
  const known = ownValue(METHODS, method.replace(/^(torch\.)?nn\.init\./, ""));
  if (!known) return undefined;
  const [names, valuesOf] = known;
  const parts = pairs.map((pair) => /^(\w+)\s*=\s*(["']?)(.+)\2$/.exec(pair));
  const given = parts.map((part) => [part?.[1], part?.[3]] as [string, string]);
  const isKnown = given.every(
    ([name], i) => names.includes(name) && given.findIndex(([other]) => other === name) === i,
  );
  return isKnown ? valuesOf(Object.fromEntries(given), shape) : undefined;
}

function isSound(initializer: TableInitializer): boolean {
  if (initializer.kind === "constant") return Number.isFinite(initializer.value);
  const spread = initializer.kind === "uniform" ? initializer.range : initializer.std;
  return spread > 0 && Number.isFinite(spread) && Number.isFinite(initializer.mean ?? 0);
}
