import { z } from "zod";
import type { Initializer } from "../graph/initializer.js";

const mean = z.number().optional();

/** Initial values of an embedding table, as in a config. */
export const initializerSchema = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("uniform"),
    /** The largest distance from the mean. */
    range: z.number().positive(),
    /** The middle of the values; default 0. */
    mean,
  }),
  z.strictObject({
    kind: z.literal("normal"),
    /** The standard deviation. */
    std: z.number().positive(),
    /** The mean; default 0. */
    mean,
  }),
  z.strictObject({
    kind: z.literal("constant"),
    /** All numbers of the table. */
    value: z.number(),
  }),
]);

export type TableInitializer = z.output<typeof initializerSchema>;

/** A table's start as the config says it. */
export function initializerOf(initializer: TableInitializer | undefined): Initializer | undefined {
  if (initializer === undefined || initializer.kind === "constant") return initializer;
  const { mean = 0 } = initializer;
  if (initializer.kind === "normal") return { kind: "normal", mean, std: initializer.std };
  return { kind: "uniform", low: mean - initializer.range, high: mean + initializer.range };
}
