import { expect, it } from "vitest";
import { differencesOf } from "./differences.js";

it("names the settings that differ, members of lists by name", () => {
  const config = (rate: number, dim?: number) => ({
    features: [{ name: "a", ...(dim && { dim }) }, { name: "b" }],
    train: { batchSize: 64, optimizer: { dense: { kind: "adam", learningRate: rate } }, threads: rate },
  });
  expect(differencesOf([config(0.1), config(0.1, 8), config(0.2)])).toEqual([
    { "train.optimizer.dense.learningRate": 0.1 },
    { "train.optimizer.dense.learningRate": 0.1, "features.a.dim": 8 },
    { "train.optimizer.dense.learningRate": 0.2 },
  ]);
  expect(differencesOf([config(0.1), config(0.1)])).toEqual([{}, {}]);
});

it("names the kind where it differs, and not what only one of the kinds has", () => {
  const dlrm = { model: { kind: "dlrm", embeddingDim: 8, final: { hiddenUnits: [4] } } };
  const fm = { model: { kind: "fm", embeddingDim: 8 } };
  expect(differencesOf([dlrm, fm])).toEqual([{ "model.kind": "dlrm" }, { "model.kind": "fm" }]);
  const wide = { model: { ...dlrm.model, final: { hiddenUnits: [8] } } };
  expect(differencesOf([dlrm, wide, fm])[2]).toEqual({ "model.kind": "fm" });
});

it("takes rows in a config for data", () => {
  const config = (y: number) => ({ data: { train: { rows: [{ y }] }, label: "y" } });
  expect(differencesOf([config(0), config(1)])).toEqual([{}, {}]);
});

it("leaves out rows where other runs read files", () => {
  const files = { data: { train: { path: "a.csv" }, label: "y" } };
  const rows = { data: { train: { rows: [{ y: 1 }] }, label: "y" } };
  expect(differencesOf([files, rows])).toEqual([{ "data.train.path": "a.csv" }, {}]);
  const source = (path: string) => ({ data: { source: { path }, split: { seed: 1 } } });
  expect(differencesOf([source("a.csv"), source("b.csv")])).toEqual([
    { "data.source.path": "a.csv" },
    { "data.source.path": "b.csv" },
  ]);
});
