import { isList } from "../features/values.js";

/**
 * The JSON form of the values of `rows`. JSON has no bigint, Date, Map, undefined, NaN, infinity or -0: each is written as
 * `{ "$pairloom": <kind>, "value": … }`, so that a saved config gives the same rows as the config that was trained with. A
 * list of any type is an array, because features read both in the same way.
 */

const TAG = "$pairloom";

/** Values nested deeper than this are refused. Reading JSON has a limit too, and a map takes three levels of it. */
const DEEPEST = 32;

/** What {@link toRowJson} throws for a value that it cannot keep. */
export class UnsavableValue extends Error {
  constructor(readonly expected: string) {
    super(expected);
  }
}

const KINDS = {
  bigint: BigInt,
  date: (value: string | null) => new Date(value ?? Number.NaN),
  number: Number,
  undefined: () => undefined,
  map: (entries: [unknown, unknown][]) =>
    new Map(entries.map(([key, value]) => [fromRowJson(key), fromRowJson(value)])),
} as const;

type Kind = keyof typeof KINDS;

/**
 * Any value of a row as JSON. What is in this form already stays as it is.
 * @throws UnsavableValue for a function, a symbol, a set or another object with a class, for what is nested too deeply or
 * contains itself, and for an object with the key `$pairloom` that is not of this form
 */
export function toRowJson(value: unknown, depth = 0): unknown {
  if (depth > DEEPEST) throw new UnsavableValue(`at most ${DEEPEST} levels of lists, maps and objects`);
  if (typeof value === "number") return isJsonNumber(value) ? value : tagged("number", numberText(value));
  if (typeof value === "bigint") return tagged("bigint", String(value));
  if (value === undefined) return tagged("undefined", null);
  if (value === null || typeof value === "string" || typeof value === "boolean") return value;
  if (value instanceof Date) return tagged("date", value.toJSON());
  const inner = (item: unknown) => toRowJson(item, depth + 1);
  if (isList(value)) return Array.from(value, inner);
  if (value instanceof Map)
    return tagged(
      "map",
      Array.from(value, (entry) => entry.map(inner)),
    );
  if (isPlain(value)) return TAG in value ? checked(value, depth) : mapped(value, inner);
  throw new UnsavableValue("a text, number, bigint, boolean, Date, list, Map or plain object");
}

/** The value that {@link toRowJson} was given, with arrays for lists of any type. */
export function fromRowJson(json: unknown): unknown {
  if (Array.isArray(json)) return json.map(fromRowJson);
  if (!isPlain(json)) return json;
  if (!(TAG in json)) return mapped(json, fromRowJson);
  return KINDS[json[TAG] as Kind](json.value as never);
}

const tagged = (kind: Kind, value: unknown) => ({ [TAG]: kind, value });

const isJsonNumber = (value: number) => Number.isFinite(value) && !Object.is(value, -0);
const numberText = (value: number) => (value === 0 ? "-0" : String(value));

/** Accepts only what {@link toRowJson} writes: reading and writing it again gives the same. */
function checked(json: Record<string, unknown>, depth: number): unknown {
  const refused = new UnsavableValue(`no key ${TAG}, which is kept for saved configs`);
  if (!Object.hasOwn(KINDS, String(json[TAG]))) throw refused;
  const again = written(json, depth);
  if (JSON.stringify(again) !== JSON.stringify(json)) throw refused;
  return json;
}

function written(json: Record<string, unknown>, depth: number): unknown {
  try {
    return toRowJson(fromRowJson(json), depth);
  } catch {
    return undefined;
  }
}

function mapped(object: Record<string, unknown>, f: (item: unknown) => unknown): Record<string, unknown> {
  return Object.fromEntries(Object.entries(object).map(([key, item]) => [key, f(item)]));
}

function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
