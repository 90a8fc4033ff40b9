import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { findLatest } from "../checkpoint/index.js";
import { load } from "../serve/load.js";
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
    expect(result.unused).toEqual([]);
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

  type Change = { name: string } | { value: number } | { dtype: string };

  /** The state dict of a fixture with one name or the first number of one tensor changed. */
  function changed(model: string, tensor: string, change: Change): string {
    const bytes = readFileSync(join(fixtures, `${model}.safetensors`));
    const length = Number(bytes.readBigUInt64LE());
    const header = JSON.parse(bytes.toString("utf8", 8, 8 + length));
    const from = Object.keys(header).find((name) => name.endsWith(tensor))!;
    const { [from]: entry, ...others } = header;
    if ("dtype" in change) entry.dtype = change.dtype;
    const body = Buffer.from(bytes.subarray(8 + length));
    if ("value" in change) body.writeFloatLE(change.value, entry.data_offsets[0]);
    const text = JSON.stringify({ ...others, ["name" in change ? change.name : from]: entry });
    const size = Buffer.alloc(8);
    size.writeBigUInt64LE(BigInt(Buffer.byteLength(text)));
    const file = join(folder, `changed-${model}.safetensors`);
    writeFileSync(file, Buffer.concat([size, Buffer.from(text), body]));
    return file;
  }

  it.each([
    ["dlrm", "dense_mlp.mlp.0.perceptron.0.bias"],
    ["dlrm", "output_mlp.bias"],
    ["deepfm", "output_mlp.bias"],
    ["dcn_v1", "cross.b.0"],
    ["mask_net", "ffn.1.bias"],
  ])("%s without the bias %s is refused", async (model, bias) => {
    const file = changed(model, bias, { name: "misspelt" });
    await expect(importWeights(imported(model), file, join(folder, `bias-${model}`))).rejects.toThrow(
      new RegExp(`is not in the state dict[^]*${bias.split(".").at(-1)}`),
    );
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY])(
    "with the number %s is refused, and where",
    async (value) => {
      const file = changed("dlrm", "dense_mlp.mlp.0.perceptron.0.weight", { value });
      const run = join(folder, `odd-${value}`);
      await expect(importWeights(imported("dlrm"), file, run)).rejects.toThrow(
        new RegExp(`dense_mlp.mlp.0.perceptron.0.weight: [^]*not finite[^]*${value}`),
      );
      expect(existsSync(join(run, "checkpoints"))).toBe(false);
    },
  );

  it("with integers is refused, with the tensor and the next step", async () => {
    const file = changed("dlrm", "dense_mlp.mlp.0.perceptron.0.weight", { dtype: "I32" });
    await expect(importWeights(imported("dlrm"), file, join(folder, "integers"))).rejects.toThrow(
      /dense_mlp.mlp.0.perceptron.0.weight: [\s\S]*I32[\s\S]*Save it as float32/,
    );
  });

  it("that is no safetensors file is refused with the next step", async () => {
    const file = join(folder, "model.pt");
    writeFileSync(file, "PK\u0003\u0004 a pickle and more than eight bytes");
    await expect(importWeights(imported("dlrm"), file, join(folder, "pickle"))).rejects.toThrow(
      /the state dict cannot be read[\s\S]*save_file of safetensors\.torch/,
    );
    const doubles = changed("dlrm", "dense_mlp.mlp.0.perceptron.0.weight", { dtype: "F64" });
    await expect(importWeights(imported("dlrm"), doubles, join(folder, "doubles"))).rejects.toThrow(
      /the state dict cannot be read[\s\S]*F64|float32/,
    );
  });

  it("with a number too large for the data_type of its table is refused", async () => {
    const text = readFileSync(join(fixtures, "dlrm.config"), "utf8").replace(
      "num_buckets: 10 embedding_dim: 4",
      'num_buckets: 10 embedding_dim: 4 data_type: "FP16"',
    );
    const file = changed("dlrm", "cat_0_emb.weight", { value: 1e6 });
    await expect(importWeights(importPipeline(text, "p"), file, join(folder, "large"))).rejects.toThrow(
      /too large for fp16/,
    );
  });

  it("adds the numbers of a wide group to the logit, as there", async () => {
    const text = readFileSync(join(fixtures, "deepfm.config"), "utf8").replace(
      /(group_name: "wide"[^}]*feature_names: )/,
      '$1"int_0" feature_names: ',
    );
    const both = importPipeline(text, "p");
    expect(both.warnings.join("\n")).toMatch(/feature_names has numbers \(int_0\)/);
    const run = join(folder, "wide-numbers");
    await importWeights(both, join(fixtures, "deepfm.safetensors"), run);
    const scores = (await load(run, { backend: "reference" })).logits(rows);
    logits.deepfm.forEach((expected, i) => {
      expect(scores[i]).toBeCloseTo(expected + rows[i].int_0, 4);
    });
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
