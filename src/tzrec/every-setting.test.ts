import "../index.js";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { load } from "../serve/load.js";
import { importPipeline } from "./import-config.js";
import { importWeights } from "./import-weights.js";
import { expectToTrain } from "./testing.js";

/*
 * Each product model of TorchEasyRec with every setting that has a counterpart here: the config is imported and trains as
 * written; with the weights of a PyTorch model it gives the logits of that model for the same raw rows.
 */
const fixtures = new URL("./fixtures/every/", import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), "pairloom-every-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Written by conformance/make_tzrec_settings_fixtures.py. */
const { rows, logits } = JSON.parse(readFileSync(join(fixtures, "rows.json"), "utf8")) as {
  rows: Record<string, unknown>[];
  logits: Record<string, number[]>;
};

beforeAll(async () => {
  const targets = { label: (i: number) => i % 2, number: (i: number) => i / 4, class: (i: number) => i % 3 };
  const whole = rows.map((row, i) => {
    const own = Object.entries(targets).map(([name, of]) => [name, of(i)]);
    return { ...row, ...Object.fromEntries(own), weight: 1 + (i % 3) };
  });
  writeFileSync(join(folder, "rows.json"), JSON.stringify(whole));
  const duck = await (await DuckDBInstance.create()).connect();
  for (const split of ["train", "valid"])
    await duck.run(
      `COPY (FROM '${join(folder, "rows.json")}') TO '${join(folder, split)}.parquet' (FORMAT parquet)`,
    );
});

function imported(name: string) {
  const own = readFileSync(join(fixtures, `${name}.config`), "utf8");
  const text = `${own}${readFileSync(join(fixtures, "features.config"), "utf8")}`
    .replaceAll("ASSETS", fixtures)
    .replace(/"(train|valid)\.parquet"/g, (_, split) => JSON.stringify(join(folder, `${split}.parquet`)));
  return importPipeline(text, `${name}.config`);
}

describe.each(Object.keys(logits))("%s with every setting", (name) => {
  it("trains as it is written", async () => {
    await expectToTrain(imported(name), join(folder, name), rows.length);
  });

  it("gives the logits of PyTorch with its weights", async () => {
    const run = join(folder, `${name}-weights`);
    const { missing, unused } = await importWeights(
      imported(name),
      join(fixtures, `${name}.safetensors`),
      run,
    );
    const scores = (await load(run, { backend: "reference" })).logits(rows as never);
    logits[name].forEach((expected, i) => {
      const error = Math.abs(scores[i] - expected) / Math.max(1, Math.abs(expected));
      expect(error, `logit ${i}: ${scores[i]} for ${expected}`).toBeLessThan(1e-5);
    });
    expect(scores.length).toBe(logits[name].length);
    expect(unused).toEqual([]);
    // TorchEasyRec leaves out the biases of some last layers.
    for (const name of missing) expect(["output.bias", "linear.bias"]).toContain(name);
  });
});
