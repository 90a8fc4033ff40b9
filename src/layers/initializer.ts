import { z } from "zod";
import type { Initializer } from "../ops/sources.js";

/** Initial values of an embedding table, as in a config. */
export const initializerSchema = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("uniform"),
    /** From minus this to this. */
    range: z.number().positive(),
  }),
  z.strictObject({
    kind: z.literal("normal"),
    /** The standard deviation; the mean is 0. */
    std: z.number().positive(),
  }),
]);

export type TableInitializer = z.output<typeof initializerSchema>;

/** A table's start as the config says it. */
export function initializerOf(initializer: TableInitializer | undefined): Initializer | undefined {
  if (initializer?.kind === "uniform")
    return { kind: "uniform", low: -initializer.range, high: initializer.range };
  return initializer && { kind: "normal", mean: 0, std: initializer.std };
}
