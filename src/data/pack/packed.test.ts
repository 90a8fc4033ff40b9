import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { afterAll, beforeAll, expect, it } from "vitest";
import { featuresSchema } from "../../features/schema/features.js";
import { dataSchema } from "../data-config.js";
import { type PrepareOptions, prepareData } from "../prepare.js";
import { writeCheckedJson } from "./checked-json.js";
import type { PackedManifest } from "./packed-format.js";

/** Packed data that somebody has changed, with checksums that fit. */

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "pairloom-packed-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function prepare() {
  const rows = [
    { x: 1, n: 1, bag: ["a", "b"], y: 1 },
    { x: 2, n: 2, bag: ["c"], y: 0 },
  ];
  const data = dataSchema.parse({ train: { rows }, label: "y", cacheDir: folder });
  const features = featuresSchema.parse([
    { kind: "id", name: "x", buckets: 4 },
    { kind: "number", name: "n" },
    { kind: "ids", name: "bag", hash: 9 },
  ]);
  const damage: string[] = [];
  const onProgress: PrepareOptions["onProgress"] = (event) => {
    if (event.phase === "rebuild") damage.push(event.message);
  };
  return { damage, prepared: await prepareData({ data, features, onProgress }) };
}

const contentOf = (path: string) => JSON.parse(readFileSync(path, "utf8")).content;

/** Rewrites a file of the split, and the manifest for it. */
function replaceFile(split: string, name: string, bytes: Buffer): void {
  writeFileSync(join(split, name), bytes);
  const path = join(split, "manifest.json");
  const manifest = contentOf(path) as PackedManifest;
  const file = { bytes: bytes.length, pieces: [{ bytes: bytes.length, crc32: crc32(bytes) }] };
  writeCheckedJson(path, { ...manifest, files: { ...manifest.files, [name]: file } });
}

const manifests: [string, string, (content: PackedManifest) => unknown][] = [
  ...[-1, 1.5, 3, 1e9, "2", null].map((rows): [string, string, (content: PackedManifest) => unknown] => [
    `rows ${JSON.stringify(rows)}`,
    "train/manifest.json",
    (content) => ({ ...content, rows }),
  ]),
  ["no layout", "train/manifest.json", ({ layout: _, ...content }) => content],
  ["no file", "train/manifest.json", (content) => ({ ...content, files: {} })],
  [
    "a number outside its matrix",
    "train/manifest.json",
    (content) => ({
      ...content,
      layout: { ...content.layout, numbers: [{ name: "n", offset: 9, width: 1 }] },
    }),
  ],
  ["a split in another folder", "manifest.json", (content) => ({ ...content, splits: ["train", "../.."] })],
  ["no split", "manifest.json", (content) => ({ ...content, splits: [] })],
  ["a list", "manifest.json", () => []],
];

it.each(manifests)("with %s is packed again", async (_, name, change) => {
  const { directory } = (await prepare()).prepared;
  const path = join(directory, name);
  writeCheckedJson(path, change(contentOf(path)));
  const { prepared, damage } = await prepare();
  expect([prepared.fromCache, prepared.splits.train.rows]).toEqual([false, 2]);
  expect(damage.join()).toContain("packed data is damaged");
});

it.each<[string, string, (bytes: Buffer) => Buffer]>([
  ["fewer numbers", "dense.f32", (bytes) => bytes.subarray(4)],
  ["more ids", "ids.i32", (bytes) => Buffer.concat([bytes, bytes])],
  ["offsets that descend", "bag.offsets.u64", () => Buffer.from(new BigUint64Array([0n, 4n, 3n]).buffer)],
  [
    "offsets beyond the ids",
    "bag.offsets.u64",
    () => Buffer.from(new BigUint64Array([0n, 2n, 2n ** 60n]).buffer),
  ],
  ["offsets from 1", "bag.offsets.u64", () => Buffer.from(new BigUint64Array([1n, 2n, 3n]).buffer)],
])("with %s is packed again", async (_, name, change) => {
  const { directory } = (await prepare()).prepared;
  const split = join(directory, "train");
  replaceFile(split, name, change(readFileSync(join(split, name))));
  const { prepared } = await prepare();
  expect([prepared.fromCache, prepared.splits.train.rows]).toEqual([false, 2]);
});
