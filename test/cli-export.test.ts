import { copyFileSync, existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { SafetensorsFile } from "../src/checkpoint/index.js";
import { load } from "../src/index.js";
import { findCheckpoint } from "../src/saved/find-checkpoint.js";
import { cli, makeWorld, type World } from "./cli-world.js";

/** `pairloom export`: the files of a run that has every kind of table, and their scores. */
const runtime = await import("onnxruntime-node").catch(() => undefined);

/** Some bags are empty, and some values are unknown or missing in the test data alone. */
function csv(count: number, items: number, user: (i: number) => string): string {
  const lines = Array.from({ length: count }, (_, i) => {
    const tags = i % 5 === 0 ? "" : `t${i % 4}:0.5|t${i % 7}:2`;
    return `${user(i)},${(i * 5) % items},${tags},a${i % 6}|a${i % 3},${(i % 13) / 2},${i % 2},${i % 3 === 0 ? 1 : 0}`;
  });
  return `user,item,tags,seen,price,clicked,bought\n${lines.join("\n")}\n`;
}

const CONFIG = {
  data: { train: { path: "rows.csv" }, test: { path: "test.csv" }, label: ["clicked", "bought"] },
  features: [
    { kind: "id", name: "user", vocabulary: {}, missing: "bucket" },
    { kind: "id", name: "item", dynamic: { capacity: 12 } },
    { kind: "id", name: "pair", columns: ["user", "item"], hash: { size: 50, combine: "multiply" } },
    { kind: "id", name: "half", column: "user", hash: 20, dtype: "fp16" },
    { kind: "id", name: "brain", column: "item", hash: 20, dtype: "bf16" },
    { kind: "ids", name: "tags", hash: { size: 30, combine: "multiply" }, separator: "|", weighted: true },
    { kind: "ids", name: "seen", vocabulary: {}, separator: "|", pooling: "mean" },
    { kind: "number", name: "price", normalize: "zscore" },
  ],
  model: {
    kind: "dlrm",
    embeddingDim: 4,
    dense: { features: ["price"], mlp: { hiddenUnits: [4], norm: "batch", activation: "prelu" } },
    sparse: { features: ["user", "item", "pair", "half", "brain", "tags", "seen"] },
    final: { hiddenUnits: [8], norm: "layer" },
  },
  train: { batchSize: 64, epochs: 2, seeds: 2 },
};

const REFERENCE = { backend: "reference" } as const;

let world: World;
beforeAll(async () => {
  world = makeWorld();
  world.write(
    "rows.csv",
    csv(400, 11, (i) => `u${i % 7}`),
  );
  world.write(
    "test.csv",
    csv(300, 14, (i) => (i % 9 === 0 ? "" : `u${i % 10}`)),
  );
  world.write("pairloom.config.json", JSON.stringify(CONFIG));
  const { code, err } = await cli("train", ".", "--run", "run", "--backend", "reference");
  expect(code, err).toBe(0);
});
afterAll(() => world.remove());

/** The largest difference that `--verify` prints. */
const differenceIn = (out: string) => Number(/largest difference of logits is (\S+),/.exec(out)?.[1]);

describe("safetensors", () => {
  it("has the numbers of the model under the names of PyTorch", async () => {
    const { code, out, err } = await cli("export", "run", "--format", "safetensors", "--verify");
    expect(code, err).toBe(0);
    expect(out).toContain("300 rows scored both ways");
    expect(differenceIn(out)).toBe(0);
    const file = await SafetensorsFile.open("run/exports/model.safetensors");
    const names = [...file.tensors.keys()];
    await file.close();
    expect(names).toContain("members.0.dense_mlp.0.norm.running_var");
    expect(names).toContain("members.1.dense_mlp.0.prelu.weight");
    expect(names.filter((name) => /gamma|beta|alpha|variance/.test(name))).toEqual([]);
  });
});

describe("a bundle", () => {
  it("has the numbers of the model, and load opens it", async () => {
    const { code, out, err } = await cli("export", "run", "--format", "bundle", "--verify");
    expect(code, err).toBe(0);
    expect(differenceIn(out)).toBe(0);
    const row = { user: "u3", item: 5, tags: "t1:2", seen: "a2", price: 1.5 };
    const [model, bundle] = [await load("run", REFERENCE), await load("run/exports/bundle", REFERENCE)];
    expect(bundle.predict([row])).toEqual(model.predict([row]));
    // Only the rows that training has met are in the file.
    const { tables } = (await findCheckpoint("run/exports/bundle")).manifest;
    const half = tables.find(({ name }) => name === "members.1.embeddings.half.weight");
    const users = Array.from({ length: 7 }, (_, i) => `u${i}`);
    const met = new Set(model.translate("half", users)).size;
    expect(half).toMatchObject({ rows: 21, keys: [{ bytes: 8 * met }] });
  });

  // The tables have 4 numbers a row: 16 bytes, of which words of 8 bits leave 12, and of 4 bits 12.
  it.each([
    ["fp16", 1e-2],
    ["bf16", 5e-2],
    ["int8", 5e-2],
    ["int4", 1],
  ])("stores tables as %s", async (tables, most) => {
    const output = `bundle-${tables}`;
    const args = ["--format", "bundle", "--tables", tables, "--output", output, "--verify"];
    const { code, out, err } = await cli("export", "run", ...args);
    expect(code, err).toBe(0);
    expect(differenceIn(out)).toBeGreaterThan(0);
    expect(differenceIn(out)).toBeLessThan(most);
    expect(out).toMatch(
      /change on the test split: .*clicked\.auc [+-]0\.\d{5}.*bought\.logLoss [+-]0\.\d{5}/,
    );
  });

  it("with smaller tables keeps no numbers to export again, or to list", async () => {
    const again = await cli("export", "bundle-int8", "--format", "onnx", "--output", "again.onnx");
    expect(again).toMatchObject({ code: 1, err: expect.stringContaining("cannot be exported again") });
    const args = ["--table", "members.0.embeddings.user.weight", "--id", "u3"];
    const listed = await cli("tables", "bundle-int8", ...args);
    expect(listed).toMatchObject({
      code: 1,
      err: expect.stringContaining("rows of this table are quantized"),
    });
  });

  it("is linked by the report of the run", async () => {
    const { code, err } = await cli("report", "run", "--backend", "reference", "--rows", "10");
    expect(code, err).toBe(0);
    expect(readFileSync("run/report.html", "utf8")).toContain('<a href="exports/bundle">bundle</a>');
  });

  it("is not overwritten, and only bundles store tables in another form", async () => {
    const again = await cli("export", "run", "--format", "bundle");
    expect(again).toMatchObject({ code: 1, err: expect.stringContaining("the output is there already") });
    const onnx = await cli("export", "run", "--format", "onnx", "--tables", "int8");
    expect(onnx).toMatchObject({ code: 1, err: expect.stringContaining("only a bundle") });
  });
});

describe.skipIf(!runtime)("ONNX", () => {
  it("gives the logits of the model", async () => {
    const { code, out, err } = await cli("export", "run", "--format", "onnx", "--verify");
    expect(code, err).toBe(0);
    expect(differenceIn(out)).toBeLessThan(1e-5);
    const { inputs } = JSON.parse(readFileSync("run/exports/model.inputs.json", "utf8"));
    expect(inputs).toContainEqual(
      expect.objectContaining({ name: "user", type: "string", columns: ["user"] }),
    );
    expect(existsSync("run/exports/model.onnx.data")).toBe(false);
    // For conformance/check_onnx.py.
    if (process.env.ONNX_DIR) copyFileSync("run/exports/model.onnx", join(process.env.ONNX_DIR, "run.onnx"));
  });

  it("takes the texts of vocabularies, and returns what predict returns", async () => {
    const { InferenceSession, Tensor } = runtime!;
    const session = await InferenceSession.create("run/exports/model.onnx");
    const ids = (...values: number[]) =>
      new Tensor("int64", BigInt64Array.from(values, BigInt), [values.length]);
    const texts = (...values: string[]) => new Tensor("string", values, [values.length]);
    const model = await load("run", { backend: "reference" });
    const row = { user: "u3", item: 5, tags: null, seen: ["a2"], price: 1.5 };
    const of = (feature: string, value: unknown) => Number(model.translate(feature, [value])[0]);
    const { predictions } = await session.run({
      user: texts("u3"),
      item: new Tensor("int64", BigInt64Array.of(5n), [1]),
      pair: ids(of("pair", ["u3", 5])),
      half: ids(of("half", "u3")),
      brain: ids(of("brain", 5)),
      "tags.values": ids(),
      "tags.offsets": ids(0, 0),
      "tags.weights": new Tensor("float32", new Float32Array(), [0]),
      "seen.values": texts("a2"),
      "seen.offsets": ids(0, 1),
      price: new Tensor("float32", Float32Array.of(normalized(model.features, 1.5)), [1, 1]),
    });
    const expected = model.predict([row]);
    expect([...(predictions.data as Float32Array)]).toEqual([...expected].map((p) => expect.closeTo(p, 5)));
  });
});

function normalized({ features }: { features: readonly unknown[] }, value: number): number {
  const price = features.find((feature) => (feature as { name: string }).name === "price");
  const { shift, scale } = (price as { transform: { shift: number; scale: number } }).transform;
  return (value - shift) / scale;
}
