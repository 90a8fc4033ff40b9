import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Column } from "../columns/columns.js";
import { packRows } from "../features/encoder.js";
import type { FittedFeatures } from "../features/fitted.js";
import { type FeatureInput, featuresSchema } from "../features/schema/features.js";
import { dataSchema, sourceSchema } from "./data-config.js";
import { prepareData } from "./prepare.js";
import { scanSource } from "./source/scan.js";

/** Values that only rows of JavaScript can have: they are the same in `data.rows` and in a request, or refused in both. */

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "pairloom-row-values-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const VALUES: Record<string, unknown> = {
  "an invalid Date": new Date(Number.NaN),
  "a Date": new Date(1234567),
  "a list with an invalid Date": [new Date(0), new Date(Number.NaN)],
  "a list of numbers": new Float64Array([1, 2.5]),
  "a list of BigInts": new BigInt64Array([1n, 2n]),
  bytes: Buffer.from("ab"),
  "a list without values": [null, undefined, Number.NaN],
  "a list of many types": [1, "a", true, 2n],
  "a Map": new Map<unknown, unknown>([
    ["a", 1],
    [2n ** 60n, 2],
    [true, 1n],
  ]),
  "a Map with keys of the same text": new Map<unknown, unknown>([
    [1, 1],
    ["1", 2],
  ]),
  "a Map of such a Map": new Map([
    [
      "p",
      new Map<unknown, unknown>([
        [1, 1],
        [1n, 2],
      ]),
    ],
  ]),
  "an object without a prototype": Object.assign(Object.create(null), { a: 1 }),
  "half a surrogate pair": "\ud800x",
  "a large BigInt": 2n ** 70n,
  "an inexact integer": 2 ** 53 + 2,
  "a negative zero": -0,
};

const FEATURES: [feature: FeatureInput, ordinary: unknown[]][] = [
  [{ kind: "id", name: "x", hash: 1000 }, ["a", 1]],
  [{ kind: "ids", name: "x", hash: 1000 }, [["a"], ["b"]]],
  [{ kind: "ids", name: "x", hash: 1000, weighted: true }, [{ a: 1 }, { b: 2 }]],
  [{ kind: "sequence", name: "x", hash: 1000 }, [["a"], ["b"]]],
  [{ kind: "number", name: "x" }, [1, 2.5]],
  [
    { kind: "number", name: "x", width: 2 },
    [
      [1, 2],
      [3, 4],
    ],
  ],
  [{ kind: "lookup", name: "y", map: "x", key: { constant: "1" } }, [{ a: 1 }, { b: 2 }]],
  [
    { kind: "match", name: "y", map: "x", primary: "*", secondary: { constant: "1" } },
    [{ a: { b: 1 } }, { c: { d: 2 } }],
  ],
  [{ kind: "datePart", name: "y", input: "x", part: "hour" }, [new Date(0), new Date(1e9)]],
];

it.each(FEATURES)("are the same in training and in serving for %j", async (feature, ordinary) => {
  const rows = ordinary.map((x, label) => ({ label, x }));
  const data = dataSchema.parse({ train: { rows }, label: "label", cacheDir: join(folder, "cache") });
  const { features } = await prepareData({ data, features: featuresSchema.parse([feature]) });
  for (const [name, x] of Object.entries(VALUES))
    expect(await trained(features, x).catch(refused), name).toEqual(served(features, x));
});

const REFUSED = "refused";
const refused = () => REFUSED;

async function trained(features: FittedFeatures, x: unknown) {
  const found = [];
  for await (const { bad, columns } of scanSource(sourceSchema.parse({ rows: [{ x }] }), features)) {
    if (bad.length > 0) return REFUSED;
    if (columns.rows > 0) found.push(...[...columns.columns.values()].map(valuesOf));
  }
  return found;
}

function served(features: FittedFeatures, x: unknown) {
  const { bad, columns } = packRows(features, [{ x }]);
  return bad.length > 0 ? REFUSED : [...columns.values()].map(valuesOf);
}

/** The values of the first row. */
function valuesOf(column: Column) {
  if (column.kind === "ids") return { ids: [...column.values], weights: [...(column.weights ?? [])] };
  const width = column.kind === "number" ? column.width : 1;
  return { values: [...column.data.slice(column.offset, column.offset + width)] };
}
