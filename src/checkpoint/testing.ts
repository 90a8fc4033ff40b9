import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { MANIFEST_FILE, type Manifest } from "./manifest.js";
import { rangesOf } from "./table-layout.js";
import type { CheckpointContent } from "./write.js";

/** A small checkpoint whose values depend only on the step. Used by tests and by the process that they kill. */
export function contentOf(step: number, metrics: Record<string, number> = {}, rows = 2): CheckpointContent {
  const values = Float32Array.from({ length: rows * 2 }, (_, i) => step + i);
  return {
    step,
    epoch: 0,
    epochStep: step,
    seed: 7,
    reader: { shard: 1, offset: [step, step + 1] },
    trainer: { best: null },
    config: { model: { type: "fm", dims: [1, 2] } },
    features: { vocabulary: ["a", "b"] },
    metrics,
    model: new Map([["embedding.user", { dtype: "F32", shape: [rows, 2], data: values }]]),
    optimizer: new Map([
      ["embedding.user.accumulator", { dtype: "F32", shape: [2], data: Float32Array.of(step * step, 0.5) }],
    ]),
  };
}

/** The checksums of all other files: two checkpoints are equal if these are. */
export function checksumsOf({ files, tables }: Manifest): string[] {
  const ofFiles = Object.values(files).map(({ sha256 }) => sha256);
  return [...ofFiles, ...tables.flatMap(rangesOf).map(({ checksum }) => checksum)];
}

/** Changes a manifest and computes its checksum again, like a program that writes checkpoints. */
export function signAgain(dir: string, change: (manifest: Record<string, unknown>) => object): void {
  const path = join(dir, MANIFEST_FILE);
  const { sha256: _, ...before } = JSON.parse(readFileSync(path, "utf8"));
  const text = JSON.stringify(change(before));
  const sha256 = createHash("sha256").update(text).digest("hex");
  writeFileSync(path, JSON.stringify({ ...JSON.parse(text), sha256 }));
}
