import type { DataChunk } from "@duckdb/node-bindings";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { targetFeature } from "../../features/feature-encoder.js";
import { fitFeatures } from "../../features/fit.js";
import type { FittedId, FittedNumber, NumberTransform } from "../../features/fitted.js";
import { codeAt, idAt, newTarget } from "../../features/id-target.js";
import type { RawValues } from "../../features/raw-column.js";
import { Refusal } from "../../features/refusal.js";
import { featuresSchema } from "../../features/schema/features.js";
import { compileId, compileNumber, type TextTransform, vocabularyCache } from "../../features/transform.js";
import { compileValues } from "../../features/value-columns.js";
import { isNaNValue, numberValue } from "../../features/values.js";
import { ByteVocabulary } from "../../features/vocabulary.js";
import { murmur3, murmur3Wide } from "../../murmur3.js";
import { loadAddon } from "../../native/addon.js";
import { draw, drawKey } from "../../random.js";
import { duckdb } from "../source/binding.js";
import { Duck, quoteText } from "../source/duckdb.js";
import { NumberVector, type ParsedNumbers, TextVector } from "../source/vectors.js";
import { readsInPlace } from "./choose-kernels.js";
import type { ColumnKernels } from "./column-kernels.js";
import { nativeKernels } from "./native-kernels.js";
import { plainKernels } from "./plain-kernels.js";

let duck: Duck;
beforeAll(async () => {
  duck = await Duck.open("");
});
afterAll(() => duck.close());

const { addon } = loadAddon();
const all: [string, ColumnKernels][] = [["plain", plainKernels]];
if (addon && readsInPlace(addon)) all.push(["native", nativeKernels(addon)]);

async function chunkOf(values: readonly (string | null)[], type: string): Promise<DataChunk> {
  const list = values.map((value) => (value === null ? "NULL" : quoteText(value))).join(", ");
  for await (const chunk of duck.stream(`SELECT unnest([${list}]::VARCHAR[])::${type}`, "test"))
    if (duckdb.data_chunk_get_size(chunk) === values.length) return chunk;
  throw new Error("the values did not come as one chunk");
}

async function textVector(values: readonly (string | null)[]): Promise<TextVector> {
  const chunk = await chunkOf(values, "VARCHAR");
  return new TextVector(chunk, duckdb.data_chunk_get_vector(chunk, 0), values.length);
}

function numberVector(values: readonly number[], isNull: (row: number) => boolean): NumberVector {
  const rows = values.length;
  const chunk = duckdb.create_data_chunk([duckdb.create_logical_type(duckdb.Type.DOUBLE)]);
  duckdb.data_chunk_set_size(chunk, rows);
  const vector = duckdb.data_chunk_get_vector(chunk, 0);
  duckdb.copy_data_to_vector(vector, 0, Float64Array.from(values).buffer, 0, rows * 8);
  const validity = new Uint8Array(Math.ceil(rows / 64) * 8);
  values.forEach((_, r) => {
    if (!isNull(r)) validity[r >> 3] |= 1 << (r & 7);
  });
  duckdb.vector_ensure_validity_writable(vector);
  duckdb.copy_data_to_vector_validity(vector, 0, validity.buffer, 0, validity.length);
  return new NumberVector(chunk, vector, rows);
}

/** Column 1 of 3 of a matrix filled with 7. */
function idsOf(
  kernels: ColumnKernels,
  vector: TextVector,
  transform: TextTransform,
  missing: number,
  wide = false,
) {
  const target = { ...newTarget(3 * vector.rows, wide), offset: 1, stride: 3 };
  target.data.fill((wide ? 7n : 7) as never);
  const without = kernels.texts(vector, transform, missing, target);
  const column = Array.from({ length: vector.rows }, (_, r) => codeAt(target, r) || Number(idAt(target, r)));
  expect(without).toBe(column.filter((id) => id < 0).length);
  expect(Array.from<unknown, number>(target.data, Number).filter((id, i) => i % 3 !== 1 && id !== 7)).toEqual(
    [],
  );
  return column;
}

function hashed(size: number): TextTransform {
  const features = featuresSchema.parse([{ kind: "id", name: "x", hash: size }]);
  const fitted = fitFeatures(features, { vocabularies: {}, numbers: {} });
  return compileId(fitted.features[0] as FittedId, vocabularyCache(fitted)) as TextTransform;
}

const [KEYED_FEATURE] = fitFeatures(
  featuresSchema.parse([{ kind: "id", name: "x", dynamic: { capacity: 9 } }]),
  { vocabularies: {}, numbers: {} },
).features as FittedId[];
const KEYED = compileId(KEYED_FEATURE, () => {
  throw new Error("keys need no vocabulary");
}) as TextTransform;

function listed(values: readonly string[], unknown: number): TextTransform {
  const vocabulary = new ByteVocabulary(values);
  const encode: TextTransform["encode"] = (bytes, start, end) => {
    const row = vocabulary.lookup(bytes, start, end);
    return row < 0 ? unknown : row;
  };
  return { reads: "text", mapping: { kind: "vocabulary", vocabulary, unknown }, encode };
}

const anyText = fc.oneof(
  fc.constant(""),
  fc.string({ unit: "grapheme", maxLength: 20 }),
  fc.integer({ min: 11, max: 14 }).map((length) => "x".repeat(length)),
  fc.string({ unit: "binary-ascii", minLength: 50, maxLength: 5000 }).map((s) => s.replaceAll("\0", "")),
);
/** Texts of numbers, and texts that are nearly some. */
const numberText = fc.oneof(
  fc.double().map(String),
  fc.integer().map(String),
  fc.double({ min: -1e6, max: 1e6, noNaN: true }).map((x) => x.toFixed(3)),
  fc
    .tuple(
      fc.constantFrom("", " ", "\t", "\u00a0", "\v "),
      fc.constantFrom("", "+", "-", "--", "+-", "- "),
      fc.constantFrom(
        ..."5|5.|.5|.|05|1_0|5e1|5E+01|5e|5e-|1e400|1e-400|4.9e-324|2.4e-324|1e23|0x5|5f|1,5|５|nan|NaN|inf".split(
          "|",
        ),
        ..."true|False|TRUE|t|9007199254740993|179769313486231580793e289|0.1000000000000000055511151231257827".split(
          "|",
        ),
        `0.${"0".repeat(400)}1e400`,
      ),
      fc.constantFrom("", "  ", "\r\n", "\u2003"),
    )
    .map((parts) => parts.join("")),
);
const column = fc.array(fc.option(anyText), { minLength: 1, maxLength: 150 });

it.skipIf(!addon)("the native core finds the library that DuckDB's bindings have loaded", () => {
  expect(addon!.useDuckdb("/no/such/libduckdb.so")).toBe(false);
  expect(readsInPlace(addon!)).toBe(true);
});

describe.each(all)("%s kernels", (_, kernels) => {
  it("hash texts of any length as their bytes are hashed alone", async () => {
    const size = fc.oneof(fc.integer({ min: 1, max: 2 ** 31 - 1 }), fc.integer({ min: 1, max: 50 }));
    await fc.assert(
      fc.asyncProperty(column, size, fc.constantFrom(Refusal.missing, 9), async (values, size, missing) => {
        const ids = idsOf(kernels, await textVector(values), hashed(size), missing);
        expect(ids).toEqual(values.map((v) => (v ? murmur3(Buffer.from(v)) % size : missing)));
      }),
      { numRuns: 50 },
    );
  });

  it("hash texts to more than 2^31 rows by 64 bits", async () => {
    const size = fc.integer({ min: 2 ** 31 + 1, max: 2 ** 40 - 2 }); // two rows are for unknown and missing
    await fc.assert(
      fc.asyncProperty(
        column,
        size,
        fc.constantFrom(Refusal.missing, 2 ** 31 - 1),
        async (values, size, missing) => {
          const ids = idsOf(kernels, await textVector(values), hashed(size), missing, true);
          expect(ids).toEqual(
            values.map((v) => (v ? Number(murmur3Wide(Buffer.from(v)) % BigInt(size)) : missing)),
          );
        },
      ),
      { numRuns: 50 },
    );
  });

  it("give the keys that a request gets", async () => {
    const integer = fc.bigInt({ min: -(2n ** 64n), max: 2n ** 64n }).map(String);
    const nearInteger = fc.constantFrom("0", "-0", "007", "-", "--1", "9".repeat(19), "1".repeat(25));
    const texts = fc.array(fc.option(fc.oneof(anyText, integer, nearInteger)), {
      minLength: 1,
      maxLength: 150,
    });
    await fc.assert(
      fc.asyncProperty(texts, async (values) => {
        const [target, expected] = [0, 1].map(() => newTarget(values.length, true));
        const without = kernels.texts(await textVector(values), KEYED, -128, target);
        expect(without).toBe((compileValues(KEYED_FEATURE)(values) as RawValues).ids(KEYED, -128, expected));
        expect(target).toEqual(expected);
      }),
      { numRuns: 50 },
    );
  });

  it("find texts in a vocabulary at their index, and nothing else", async () => {
    const unknowns = fc.constantFrom(Refusal.unknown, 1000);
    await fc.assert(
      fc.asyncProperty(column, unknowns, fc.boolean(), async (values, unknown, wide) => {
        const present = values.filter((v) => v !== null && v !== "") as string[];
        const vocabulary = [...new Set(present)].filter((_, i) => i % 3 !== 0);
        const ids = idsOf(kernels, await textVector(values), listed(vocabulary, unknown), -1, wide);
        const expected = values.map((v) => {
          if (!v) return -1;
          const row = vocabulary.indexOf(v);
          return row < 0 ? unknown : row;
        });
        expect(ids).toEqual(expected);
      }),
      { numRuns: 50 },
    );
  });

  it("keep values apart that share a slot of the vocabulary", async () => {
    const values = Array.from({ length: 1000 }, (_, i) => `value number ${i}`);
    const odd = values.filter((_, i) => i % 2 === 1);
    const ids = idsOf(kernels, await textVector(values), listed(odd, -2), -1);
    expect(ids).toEqual(values.map((_, i) => (i % 2 === 1 ? (i - 1) / 2 : -2)));
  });

  it("read texts as numbers where JavaScript does, and leave blank ones out", async () => {
    const texts = fc.array(fc.option(numberText, { freq: 9 }), { minLength: 1, maxLength: 100 });
    await fc.assert(
      fc.asyncProperty(texts, fc.boolean(), async (values, nanIsMissing) => {
        const numbers = kernels.parse(await textVector(values), nanIsMissing);
        const read = values.map((_, r) => (numbers.isNull(r) ? undefined : numbers.values[r]));
        const expected = values.map((text) =>
          nanIsMissing && isNaNValue(text) ? undefined : numberValue(text),
        );
        expect(read).toEqual(expected); // toEqual tells -0 from 0
      }),
      { numRuns: 100 },
    );
  });

  it("transform numbers that were texts as those of a column of numbers", async () => {
    const values = [0.5, -3, 1e300, 1e-300, 4096, Number.NaN];
    const feature: FittedNumber = { ...targetFeature("x", "x"), missing: 7, transform: { kind: "log" } };
    const encoded = (numbers: NumberVector | ParsedNumbers) => {
      const data = new Float32Array(2 * values.length);
      const refused = kernels.numbers(numbers, compileNumber(feature), { data, offset: 1, stride: 2 });
      return { data, refused };
    };
    const texts = await textVector(values.map((value, r) => (r === 1 ? "" : String(value))));
    expect(encoded(kernels.parse(texts, false))).toEqual(encoded(numberVector(values, (r) => r === 1)));
  });

  const transforms: [NumberTransform, (x: number) => number][] = [
    // -0 is 0.
    [{ kind: "identity" }, (x) => x + 0],
    [{ kind: "log" }, (x) => Math.log1p(Math.max(x, 0))],
    [{ kind: "affine", shift: 3.7, scale: 0.013 }, (x) => (x - 3.7) / 0.013],
    [{ kind: "expression", expression: "x * x" }, (x) => x * x],
  ];
  const finiteOr = (value: number, other: number) => (Number.isFinite(Math.fround(value)) ? value : other);

  function check(feature: FittedNumber, values: number[], meaning: (x: number) => number) {
    const isNull = (row: number) => row % 5 === 2;
    const data = new Float32Array(2 * values.length);
    const target = { data, offset: 1, stride: 2 };
    const refused = kernels.numbers(numberVector(values, isNull), compileNumber(feature), target);
    const missing = feature.missing === null ? Number.NaN : meaning(feature.missing);
    const bad = feature.nonFinite === "impute" ? missing : Number.NaN;
    const expected = Float32Array.from(values, (x, r) => {
      if (isNull(r)) return missing;
      return Number.isFinite(x) ? finiteOr(meaning(x), bad) : bad;
    });
    const results = Float32Array.from(values, (_, r) => data[2 * r + 1]);
    // As bits, so that -0 is not 0.
    expect(new Int32Array(results.buffer)).toEqual(new Int32Array(expected.buffer));
    expect(refused).toBe(expected.filter((x) => Number.isNaN(x)).length);
  }

  it.each(transforms)("transform numbers, nulls and what is not finite: $kind", (transform, meaning) => {
    const feature = targetFeature("x", "x");
    const rule = fc.record({
      missing: fc.constantFrom(null, 0, 2.5),
      nonFinite: fc.constantFrom("refuse" as const, "impute" as const),
    });
    fc.assert(
      fc.property(fc.array(fc.double(), { minLength: 1, maxLength: 100 }), rule, (values, rule) => {
        check({ ...feature, ...rule, transform }, values, meaning);
      }),
    );
  });

  it("round a logarithm to the fp32 that Math.log1p gives", () => {
    const key = drawKey(1, 2, 3);
    const values = Array.from({ length: 60_000 }, (_, i) => {
      const x = draw(key, i);
      return i % 3 === 0 ? x % 5000 : x / 2 ** (x % 64);
    });
    // Where an fp32 ends and the next begins: what the last bit of a double decides.
    for (let i = 1; i < 2000; i++) values.push(Math.expm1(Math.fround(i / 100) * (1 + 2 ** -24)));
    const feature = { ...targetFeature("x", "x"), transform: { kind: "log" } as const };
    for (let at = 0; at < values.length; at += duckdb.vector_size())
      check(feature, values.slice(at, at + duckdb.vector_size()), (x) => Math.log1p(x));
  });
});
