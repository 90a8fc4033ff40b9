import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { BACKENDS } from "../../conformance/backends.js";
import { ExecutionError } from "../errors.js";
import { type Numbers, numbersOf } from "../half.js";
import { memoryOf, valuesOf } from "./testing.js";

const folder = mkdtempSync(join(tmpdir(), "pairloom-memory-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const DTYPES = ["fp32", "fp16", "bf16"] as const;
const dtypes = fc.constantFrom(...DTYPES);
/** Whole numbers, which every kind of array holds as they are. */
const ranges = fc.array(
  fc.record({ from: fc.nat(70_000), values: fc.array(fc.nat(60_000), { maxLength: 50 }) }),
  { maxLength: 20 },
);

function numbers(dtype: (typeof DTYPES)[number], values: readonly number[]): Numbers {
  const array = numbersOf(dtype, values.length);
  array.set(values);
  return array;
}

describe.each(BACKENDS)("memory of $name", ({ use }) => {
  it("holds what was written last, as an array would", () => {
    fc.assert(
      fc.property(dtypes, fc.integer({ min: 0, max: 70_000 }), ranges, (dtype, elements, writes) => {
        const memory = use().allocate(elements, dtype);
        const model = numbersOf(dtype, elements);
        for (const { from, values } of writes) {
          const array = numbers(dtype, values);
          if (from + values.length <= elements) {
            memory.write(from, array);
            model.set(array, from);
            const part = numbersOf(dtype, values.length);
            memory.read(from, part);
            expect(part).toEqual(array);
          } else {
            expect(() => memory.write(from, array)).toThrow(ExecutionError);
            expect(() => memory.read(from, array)).toThrow(ExecutionError);
          }
        }
        expect(Buffer.compare(bytes(valuesOf(memory)), bytes(model))).toBe(0);
        const copy = use().allocate(elements, dtype);
        copy.copyFrom(memory);
        expect(Buffer.compare(bytes(valuesOf(copy)), bytes(model))).toBe(0);
      }),
      { numRuns: 60 },
    );
  });

  it("refuses arrays of another dtype, and copies of another size", () => {
    const backend = use();
    const memory = backend.allocate(4, "bf16");
    expect(() => memory.read(0, new Float32Array(2))).toThrow(/another dtype/);
    expect(() => memory.write(0, new Float32Array(2))).toThrow(/another dtype/);
    expect(() => memory.copyFrom(backend.allocate(3, "bf16"))).toThrow(ExecutionError);
    expect(() => memory.read(-1, new Uint16Array(1))).toThrow(ExecutionError);
  });

  it("is zero when it is new, and again when it is filled with zeros", () => {
    fc.assert(
      fc.property(dtypes, fc.integer({ min: 1, max: 70_000 }), fc.boolean(), (dtype, elements, filled) => {
        const memory = use().allocate(elements, dtype);
        if (filled) memory.fill({ kind: "constant", value: 0 }, 0, 0);
        expect(valuesOf(memory).every((value) => Object.is(value, 0))).toBe(true);
        memory.write(elements - 1, numbers(dtype, [7]));
        memory.fill({ kind: "constant", value: 0 }, 0, 0);
        expect(valuesOf(memory).every((value) => Object.is(value, 0))).toBe(true);
      }),
      { numRuns: 20 },
    );
  });

  it("gathers any stretch of rows in any order", () => {
    const rowLists = fc.record({
      rows: fc.array(fc.nat(99), { maxLength: 30 }),
      width: fc.integer({ min: 1, max: 7 }),
    });
    fc.assert(
      fc.property(
        dtypes,
        rowLists,
        fc.nat(),
        fc.nat(),
        fc.boolean(),
        (dtype, { rows, width }, a, b, wide) => {
          const values = numbersOf(dtype, 100 * width).map((_, i) => i);
          const memory = memoryOf(use(), values, dtype);
          const list = wide ? BigUint64Array.from(rows, BigInt) : Uint32Array.from(rows);
          const matrix = rows.flatMap((row) => [...values.subarray(row * width, (row + 1) * width)]);
          const [from, to] = [a % (matrix.length + 1), b % (matrix.length + 1)].sort((x, y) => x - y);
          const part = numbersOf(dtype, to - from);
          memory.gather(list, width, from, part);
          expect([...part]).toEqual(matrix.slice(from, to));
          const past = numbersOf(dtype, matrix.length - from + 1);
          expect(() => memory.gather(list, width, from, past)).toThrow(ExecutionError);
          expect(() => memory.gather(Uint32Array.of(100), width, 0, numbersOf(dtype, width))).toThrow(
            ExecutionError,
          );
        },
      ),
      { numRuns: 60 },
    );
  });

  it("scatters rows in any order", () => {
    const rowsOf = fc.uniqueArray(fc.nat(99), { maxLength: 30 });
    fc.assert(
      fc.property(
        dtypes,
        rowsOf,
        fc.integer({ min: 1, max: 7 }),
        fc.boolean(),
        (dtype, rows, width, wide) => {
          const before = numbersOf(dtype, 100 * width).map((_, i) => i % 30_000);
          const memory = memoryOf(use(), before, dtype);
          const listOf = (some: number[]) =>
            wide ? BigUint64Array.from(some, BigInt) : Uint32Array.from(some);
          const values = numbersOf(dtype, rows.length * width).map((_, i) => i + 7);
          memory.scatter(listOf(rows), width, values);
          const expected = before.slice();
          for (const [i, row] of rows.entries())
            expected.set(values.subarray(i * width, (i + 1) * width), row * width);
          expect(valuesOf(memory)).toEqual(expected);
          const outside = () => memory.scatter(listOf([100]), width, numbersOf(dtype, width));
          expect(outside).toThrow(ExecutionError);
        },
      ),
      { numRuns: 60 },
    );
  });

  it("refuses rows whose first index is beyond 64 bits", () => {
    const memory = memoryOf(use(), new Float32Array(8));
    for (const row of [2n ** 62n, 2n ** 63n, 2n ** 64n - 1n])
      for (const move of [
        () => memory.gather(BigUint64Array.of(row), 4, 0, new Float32Array(4)),
        () => memory.scatter(BigUint64Array.of(row), 4, new Float32Array(4)),
      ])
        expect(move).toThrow(ExecutionError);
  });

  it("maps a file, which stays as it is", () => {
    const backend = use();
    if (!backend.map) return;
    const values = Float32Array.from({ length: 5000 }, (_, i) => i / 3);
    const path = join(folder, "numbers");
    writeFileSync(path, Buffer.concat([Buffer.alloc(8), bytes(values)]));
    const memory = backend.map(path, 8 + 4 * 1500, 3000, "fp32");
    expect(valuesOf(memory)).toEqual(values.subarray(1500, 4500));
    expect(() => memory.write(0, new Float32Array(1))).toThrow(/cannot be written to/);
    expect(() => memory.fill({ kind: "constant", value: 0 }, 0, 0)).toThrow(/cannot be written to/);
    const copy = memoryOf(backend, new Float32Array(3000));
    copy.copyFrom(memory);
    expect(valuesOf(copy)).toEqual(values.subarray(1500, 4500));
    expect(() => backend.map!(path, 8, 5001, "fp32")).toThrow(/shorter than the range/);
    expect(() => backend.map!(path, 6, 10, "fp32")).toThrow(/not aligned/);
    expect(() => backend.map!(join(folder, "nothing"), 0, 1, "fp32")).toThrow(/cannot be mapped/);
    expect(backend.map(path, 8, 0, "bf16").elements).toBe(0);
  });

  it("maps a file that has fewer rows than the table", () => {
    const backend = use();
    if (!backend.map) return;
    const values = Float32Array.from({ length: 5000 }, (_, i) => i / 3);
    const path = join(folder, "few");
    writeFileSync(path, Buffer.concat([Buffer.alloc(8), bytes(values)]));
    const memory = backend.map(path, 8, 1e9, "fp32", 5000);
    expect(memory.elements).toBe(1e9);
    const part = new Float32Array(5000);
    memory.read(0, part);
    expect(part).toEqual(values);
    memory.read(1e9 - 5000, part);
    expect(part).toEqual(new Float32Array(5000));
    expect(() => backend.map!(path, 8, 1e9, "fp32", 5001)).toThrow(/shorter than the range/);
  });
});

const bytes = ({ buffer, byteOffset, byteLength }: Numbers) => Buffer.from(buffer, byteOffset, byteLength);
