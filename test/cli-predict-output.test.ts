import { linkSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { cli, csv, makeWorld, rows, smallConfig, type World } from "./cli-world.js";

let world: World;
beforeAll(async () => {
  world = makeWorld();
  world.write("rows.csv", csv(rows(300)));
  world.write("test.csv", csv(rows(100)));
  world.write("pairloom.config.json", JSON.stringify(smallConfig()));
  const { code } = await cli("train", ".", "--run", "runs/one", "--backend", "reference");
  expect(code).toBe(0);
});
afterAll(() => world.remove());

const score = (data: string, output: string, ...more: string[]) =>
  cli("predict", "runs/one", "--backend", "reference", "--data", data, "--output", output, ...more);

describe("the output of predict", () => {
  it("is never a file of its own data, by whatever name", async () => {
    symlinkSync("test.csv", "soft.csv");
    linkSync("test.csv", "hard.csv");
    const before = readFileSync("test.csv", "utf8");
    for (const [data, output] of [
      ["test.csv", "test.csv"],
      ["test.csv", `${world.folder}/./test.csv`],
      ["test.csv", "soft.csv"],
      ["hard.csv", "test.csv"],
      ["te*.csv", "test.csv"],
    ]) {
      const { code, err } = await score(data, output);
      expect(err).toMatch(/--output: the output would replace one of the files to score/);
      expect(code).toBe(1);
      expect(readFileSync("test.csv", "utf8")).toBe(before);
    }
  });

  it("does not remove data that has the name of its list of refused rows", async () => {
    const line = '{"user":"u1","item":"i1","price":1}\n';
    writeFileSync("s.csv.quarantine.jsonl", line);
    const { code, err } = await score("s.csv.quarantine.jsonl", "s.csv");
    expect(err).toMatch(/would replace one of the files/);
    expect(code).toBe(1);
    expect(readFileSync("s.csv.quarantine.jsonl", "utf8")).toBe(line);
  });

  it("is looked at before anything is scored", async () => {
    mkdirSync("folder.csv");
    writeFileSync("file", "");
    for (const output of ["folder.csv", "file/scores.csv"]) {
      const { code, err } = await score("test.csv", output);
      expect(err).toMatch(/--output: the output cannot be written/);
      expect(err).not.toMatch(/Scoring/);
      expect(code).toBe(1);
    }
    const { code, err } = await score("test.csv", "scores.txt");
    expect(err).toMatch(/cannot be written in this format/);
    expect(code).toBe(1);
    expect(readdirSync(".").filter((name) => name.endsWith(".tmp"))).toEqual([]);
  });

  it("has no column twice, whatever its case", async () => {
    writeFileSync(
      "row.csv",
      `Row,${csv(rows(20))
        .trim()
        .split("\n")
        .map((line, i) => (i === 0 ? line : `${i},${line}`))
        .join("\n")}\n`,
    );
    for (const columns of ["user,user", "Row"]) {
      const { code, err } = await score("row.csv", "scores.csv", "--columns", columns);
      expect(err).toMatch(/--columns: the output has a column of this name already/);
      expect(code).toBe(1);
    }
  });
});
