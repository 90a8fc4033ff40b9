import { describe, expect, it } from "vitest";
import { dataSchema } from "./data-config.js";

function problems(data: unknown): string {
  const result = dataSchema.safeParse(data);
  return result.success
    ? ""
    : result.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`).join("\n");
}

const source = { path: "a.csv" };
const topic = { name: "clicks", brokers: ["localhost:9092"] };

describe("dataSchema", () => {
  it("takes one source with predicates, or one source per split", () => {
    expect(dataSchema.parse({ source, split: { train: "day < 3" }, label: "y" })).toEqual({
      source,
      split: { train: "day < 3" },
      label: "y",
      maxBadRows: 0.01,
      cacheDir: ".pairloom",
    });
    expect(problems({ train: source, test: { rows: [{ y: 1 }] }, label: "y" })).toBe("");
  });

  it.each<[string, unknown, RegExp]>([
    ["no source", { label: "y" }, /train: give either source and split, or train/],
    ["a source without split", { source, label: "y" }, /split: source needs split/],
    ["split without source", { split: { train: "a" }, label: "y" }, /split: split needs source/],
    [
      "both forms",
      { source, split: { train: "a" }, test: source, label: "y" },
      /test: test is given together with source/,
    ],
    ["no label", { train: source }, /label/],
    ["an unknown key", { train: source, label: "y", cache: 1 }, /cache/],
    ["path and rows", { train: { path: "a", rows: [{}] }, label: "y" }, /train: give either path or rows/],
    [
      "a set in rows",
      { train: { rows: [{}, { x: new Set(["a"]) }] }, label: "y" },
      /train\.rows\.1\.x: a value of rows cannot be saved with the config/,
    ],
    ["file options on rows", { train: { rows: [{}], header: true }, label: "y" }, /train\.header/],
    [
      "a type that is code",
      { train: { path: "a", types: { x: "INT); DROP" } }, label: "y" },
      /not a SQL type/,
    ],
    [
      "columns of the same name",
      { train: { path: "a", columns: ["x", "x"] }, label: "y" },
      /train\.columns: column names must differ/,
    ],
    [
      "columns of the same name in new rows",
      { train: source, continue: { path: "a", columns: ["x", "x"] }, label: "y" },
      /continue\.columns: column names must differ/,
    ],
    [
      "new rows from files and a topic",
      { train: source, continue: { path: "a", topic }, label: "y" },
      /continue: give either path or topic/,
    ],
    [
      "file options on a topic",
      { train: source, continue: { topic, header: true, types: { x: "DATE" } }, label: "y" },
      /^continue\.header: header applies to files: omit it with topic$/,
    ],
    [
      "a cursor on a topic",
      { train: source, continue: { topic }, cursor: "at", label: "y" },
      /cursor: a topic has offsets/,
    ],
    ["a wild share", { train: source, label: "y", maxBadRows: 2 }, /maxBadRows/],
  ])("refuses %s", (_, data, message) => {
    expect(problems(data)).toMatch(message);
  });
});
