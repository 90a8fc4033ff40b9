import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { findLatest } from "../checkpoint/index.js";
import { load } from "../serve/predictor.js";
import { importPipeline } from "./import-config.js";
import { importWeights } from "./import-weights.js";

const fixtures = new URL("./fixtures/", import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), "pairloom-weights-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Written by conformance/make_tzrec_fixtures.py: what PyTorch computes under TorchEasyRec's parameter names. */
const { rows, logits } = JSON.parse(readFileSync(join(fixtures, "logits.json"), "utf8")) as {
  rows: Record<string, number>[];
  logits: Record<string, number[]>;
};

function imported(name: string) {
  const file = join(fixtures, `${name}.config`);
  return importPipeline(readFileSync(file, "utf8"), file);
}

describe("a state dict of TorchEasyRec", () => {
  it.each(Object.keys(logits))("%s: a checkpoint with PyTorch's logits", async (name) => {
    const run = join(folder, name);
    const result = await importWeights(imported(name), join(fixtures, `${name}.safetensors`), run);
    const model = await load(run, { backend: "reference" });
    const scores = model.logits(rows);
    logits[name].forEach((expected, i) => {
      expect(Math.abs(scores[i] - expected)).toBeLessThan(1e-5 * Math.max(1, Math.abs(expected)));
    });
    expect(result.unused.filter((unused) => !unused.endsWith("num_batches_tracked"))).toEqual([]);
    // The biases that TorchEasyRec leaves out of its last layer.
    for (const missing of result.missing) expect(["output.bias", "linear.bias"]).toContain(missing);
  });

  it("goes into tables of the config's data_type", async () => {
    const text = readFileSync(join(fixtures, "dlrm.config"), "utf8").replace(
      "num_buckets: 10 embedding_dim: 4",
      'num_buckets: 10 embedding_dim: 4 data_type: "FP16"',
    );
    const run = join(folder, "halves");
    await importWeights(importPipeline(text, "p"), join(fixtures, "dlrm.safetensors"), run);
    const { checkpoint } = await findLatest(run);
    const file = await checkpoint!.openModel();
    expect(file.tensors.get("embeddings.cat_0.weight")!.dtype).toBe("F16");
    expect(file.tensors.get("embeddings.cat_1_emb.weight")!.dtype).toBe("F32");
    await file.close();
    const scores = (await load(run, { backend: "reference" })).logits(rows);
    logits.dlrm.forEach((expected, i) => {
      expect(Math.abs(scores[i] - expected)).toBeLessThan(1e-2 * Math.max(1, Math.abs(expected)));
    });
  });

  it("has the rows of a vocabulary where this one has them", async () => {
    // There row 0 is the default value's and row 1 that of unknown words; here words come first.
    const text = readFileSync(join(fixtures, "dlrm.config"), "utf8")
      .replace("fg_mode: FG_NONE", "fg_mode: FG_DAG")
      .replace(
        "num_buckets: 10 embedding_dim: 4",
        'vocab_list: ["a", "b", "c", "d", "e", "f", "g", "h"] embedding_dim: 4',
      );
    const run = join(folder, "vocabulary");
    await importWeights(importPipeline(text, "p"), join(fixtures, "dlrm.safetensors"), run);
    const model = await load(run, { backend: "reference" });
    const words = ["a", "b", "c", "d", "e", "f", "g", "h"];
    const known = rows.flatMap((row, i) => (row.cat_0 === 0 ? [] : [{ row, expected: logits.dlrm[i] }]));
    const named = known.map(({ row }) => ({ ...row, cat_0: words[row.cat_0 - 2] ?? "unknown" }));
    model.logits(named).forEach((score, i) => {
      expect(Math.abs(score - known[i].expected)).toBeLessThan(
        1e-5 * Math.max(1, Math.abs(known[i].expected)),
      );
    });
  });

  it("of another config is refused with the two shapes", async () => {
    const file = join(fixtures, "deepfm.safetensors");
    await expect(importWeights(imported("deepfm_final"), file, join(folder, "other"))).rejects.toThrow(
      /linear\.cat_0\.weight has a different shape|is not in the state dict/,
    );
  });

  it("of several classes with a wide group is refused, and why", async () => {
    const text = readFileSync(join(fixtures, "deepfm.config"), "utf8")
      .replace("num_class: 1", "num_class: 3")
      .replace("binary_cross_entropy {}", "softmax_cross_entropy {}")
      .replace("metrics { auc {} }", "");
    const file = join(fixtures, "deepfm.safetensors");
    await expect(importWeights(importPipeline(text, "p"), file, join(folder, "classes"))).rejects.toThrow(
      /3 classes, which has one wide number for all classes in TorchEasyRec/,
    );
  });
});
