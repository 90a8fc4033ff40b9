import fc from "fast-check";
import { expect, it } from "vitest";
import { BACKENDS } from "../../conformance/backends.js";
import { valuesOf } from "../backends/testing.js";
import type { Tensors } from "../checkpoint/tensors.js";
import type { ParameterAttrs } from "../ops/sources.js";
import { readParameter } from "./parameter-memory.js";

/** A file with one tensor, read `piece` elements at a time; later reads may finish before earlier ones. */
function fileOf(values: Float32Array, piece: number): Tensors {
  let reads = 0;
  const file: Partial<Tensors> = {
    tensors: new Map([["x", { dtype: "F32", shape: [values.length] }]]),
    pieceOf: () => piece,
    readInto: async (_, into, from = 0) => {
      if (reads++ % 2 === 0) await new Promise((resolve) => setImmediate(resolve));
      into.set(values.subarray(from, from + into.length) as never);
    },
  };
  return file as Tensors;
}

it("reads a parameter in pieces of any size", async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(40), fc.integer({ min: 1, max: 50 }), async (elements, piece) => {
      const values = Float32Array.from({ length: elements }, (_, i) => i + 1);
      const attrs = { name: "x", shape: [elements], role: "dense" } as unknown as ParameterAttrs;
      const memory = BACKENDS[0].use().allocate(elements);
      await readParameter(fileOf(values, piece), "x", { attrs, memory });
      expect(valuesOf(memory)).toEqual(values);
    }),
    { numRuns: 60 },
  );
});
