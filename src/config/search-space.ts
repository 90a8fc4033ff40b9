import { z } from "zod";
import { murmur3 } from "../murmur3.js";
import { drawKey, drawUnit } from "../random.js";
import type { Setting } from "./settings.js";

const ascending = ([low, high]: readonly [number, number]): boolean => low < high;
const ASCENDING = "the first number must be below the second";
const range = (number: z.ZodNumber) => z.tuple([number, number]).refine(ascending, ASCENDING);

const spaceSchema = z.union([
  z.strictObject({
    /** A number between these two, uniform on a logarithmic scale. */
    log: range(z.number().positive()),
  }),
  z.strictObject({
    /** A number between these two. */
    uniform: range(z.number()),
  }),
  z.strictObject({
    /** A whole number from the first to the second, both included. */
    integer: range(z.int()),
  }),
  z.strictObject({
    /** One of these values. */
    choice: z.array(z.json()).min(1),
  }),
]);

/** The `search` section of a config: for each dotted path the values that `pairloom search` tries. */
export const searchSchema = z.record(z.string().min(1), spaceSchema);

export type SearchSpace = z.output<typeof searchSchema>;
export type SearchSpaceInput = z.input<typeof searchSchema>;
type Space = SearchSpace[string];

/** Random settings for a trial. They depend on the seed, the trial and the path, and on nothing else in the space. */
export function drawSettings(space: SearchSpace, seed: number, trial: number): Setting[] {
  return Object.entries(space).map(([path, values]) => {
    const stream = murmur3(new TextEncoder().encode(path));
    return { path, value: valueAtPart(values, drawUnit(drawKey(seed, stream, trial), 0)) };
  });
}

/** The value at a part of the space, from 0 to 1. */
function valueAtPart(space: Space, part: number): unknown {
  if ("choice" in space) return space.choice[Math.floor(part * space.choice.length)];
  if ("integer" in space) {
    const [low, high] = space.integer;
    return low + Math.floor(part * (high - low + 1));
  }
  if ("uniform" in space) {
    const [low, high] = space.uniform;
    return rounded(low + part * (high - low), space.uniform);
  }
  const [low, high] = space.log;
  return rounded(low * (high / low) ** part, space.log);
}

/** Three digits say enough, and can be read. */
function rounded(value: number, [low, high]: readonly [number, number]): number {
  return Math.min(high, Math.max(low, Number(value.toPrecision(3))));
}

/** The values at the ends of a space, and every choice: if they are valid, so are those between. */
export function outerValues(space: Space): unknown[] {
  if ("choice" in space) return space.choice;
  return "integer" in space ? space.integer : "uniform" in space ? space.uniform : space.log;
}
