import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DataError } from "../src/errors.js";
import { load } from "../src/index.js";
import { evaluateBinary } from "../src/metrics/index.js";
import { cli, csv, makeWorld, type Row, rows, smallConfig, type World } from "./cli-world.js";

/** A whole run through the command line: train, eval, predict, inspect, and the predictor on what it leaves. */
let world: World;
const testRows = rows(500).map((row, i) => ({ ...row, price: ((i * 3) % 13) / 2 }));
const lines = (path: string) => readFileSync(path, "utf8").trim().split("\n");
const json = (path: string) => JSON.parse(readFileSync(path, "utf8"));

beforeAll(async () => {
  world = makeWorld();
  const spoilt = [...csv(rows(2000)).trim().split("\n"), "u1,i2", "u3,i4,nan,1", "u3,i4,1.5,"];
  world.write("rows.csv", `${spoilt.join("\n")}\n`);
  world.write("test.csv", csv(testRows));
  world.write("valid.csv", csv(rows(300)));
  const config = smallConfig();
  config.data.valid = { path: "valid.csv" };
  config.train.epochs = 3;
  world.write("pairloom.config.json", JSON.stringify(config));
  const trained = await cli("train", ".", "--run", "runs/one", "--baselines", "--backend", "reference");
  expect(trained.err).toContain("2,003 read = 2,000 kept + 3 quarantined");
  expect(trained.code).toBe(0);
  expect(trained.out).toMatch(/dlrm .*\n.*logistic regression .*\n.*base rate/);
});
afterAll(() => world.remove());

describe("pairloom train", () => {
  it("leaves the config, measurements, checkpoints, a report and the counts of rows", () => {
    for (const name of [
      "config.json",
      "metrics.jsonl",
      "tensorboard",
      "checkpoints/best.json",
      "report.json",
    ])
      expect(existsSync(join("runs/one", name))).toBe(true);
    const { train } = json("runs/one/quarantine.json");
    expect(train).toMatchObject({ rowsRead: 2003, rows: 2000, quarantined: 3 });
    expect(lines(train.quarantineFile)).toHaveLength(3);
    expect(json("runs/one/config.json").train).toMatchObject({ batchSize: 128, epochs: 3, metric: "auc" });
  });

  it("compares with the base rate of the training split and with logistic regression", () => {
    const { results, measuredOn } = json("runs/one/report.json");
    expect(measuredOn).toBe("test");
    const [dlrm, logistic, base] = results;
    const rate = rows(2000).reduce((sum, { clicked }) => sum + Number(clicked), 0) / 2000;
    const own = testRows.reduce((sum, { clicked }) => sum + Number(clicked), 0) / testRows.length;
    expect(base.logLoss).toBeCloseTo(-own * Math.log(rate) - (1 - own) * Math.log(1 - rate), 5);
    expect(base.auc).toBe(0.5);
    // The label is a product of two ids: no sum of weights can know it.
    expect(dlrm.auc).toBeGreaterThan(logistic.auc + 0.1);
  });

  it("refuses to write into a run that is there, and to resume with another config", async () => {
    const again = await cli("train", ".", "--run", "runs/one");
    expect(again).toMatchObject({ code: 1 });
    expect(again.err).toContain("already has a run");
    const config = json("pairloom.config.json");
    config.train.batchSize = 64;
    world.write("other/pairloom.config.json", JSON.stringify(config));
    const other = await cli("train", "other", "--run", "runs/one", "--resume");
    expect(other.err).toMatch(
      /train\.batchSize: the config differs from the one that the run started with[\s\S]*got: +64[\s\S]*expected: 128/,
    );
  });

  it("says why a metric is undefined where all labels are equal", async () => {
    world.write("none/test.csv", csv(testRows.map((row) => ({ ...row, clicked: 0 }))));
    const config = json("pairloom.config.json");
    config.data.test.path = "none/test.csv";
    config.train.epochs = 1;
    world.write("none/pairloom.config.json", JSON.stringify(config));
    const { out, code } = await cli("train", "none", "--run", "runs/none", "--backend", "reference");
    expect(code).toBe(0);
    expect(out).toContain("AUC is undefined: all labels are 0");
    expect(json("runs/none/report.json").results[0]).toMatchObject({
      auc: null,
      undefined: { auc: "all labels are 0" },
    });
  });
});

describe("pairloom eval", () => {
  it("gives the metrics of the report, from the source rather than from packed data", async () => {
    const { out } = await cli("eval", "runs/one", "--json", "--backend", "reference");
    const measured = JSON.parse(out);
    const [reported] = json("runs/one/report.json").results;
    expect(measured).toMatchObject({ on: "test", rowsRead: 500, rows: 500 });
    for (const name of ["auc", "logLoss", "normalizedEntropy", "calibration"])
      expect(measured[name]).toBeCloseTo(reported[name], 6);
  });

  it("measures other files, and counts the rows that it could not use", async () => {
    const { out } = await cli("eval", "runs/one", "--data", "rows.csv", "--json", "--backend", "reference");
    expect(JSON.parse(out)).toMatchObject({ rowsRead: 2003, rows: 2000, quarantined: 3 });
  });
});

describe("options of eval that would change nothing", () => {
  it("are refused", async () => {
    const both = await cli("eval", "runs/one", "--split", "valid", "--data", "test.csv");
    expect(both).toMatchObject({
      code: 1,
      err: expect.stringContaining("--split and --data cannot be used together"),
    });
    const sql = await cli("eval", "runs/one", "--sql", "SELECT * FROM source");
    expect(sql).toMatchObject({
      code: 1,
      err: expect.stringContaining("--sql needs --data"),
    });
  });
});

describe("pairloom predict and load", () => {
  const score = (...args: string[]) => cli("predict", "runs/one", "--backend", "reference", ...args);

  it("writes what the predictor says, row by row, with the columns asked for", async () => {
    const { code, out } = await score(
      "--data",
      "test.csv",
      "--output",
      "out/scores.csv",
      "--columns",
      "user,price",
    );
    expect(code).toBe(0);
    expect(out).toContain("out/scores.csv: 500 predictions");
    const [head, ...body] = lines("out/scores.csv");
    expect(head).toBe("row,user,price,prediction");
    const model = await load("runs/one", { backend: "reference" });
    const expected = model.predict(testRows.map(withoutLabel));
    body.forEach((line, i) => {
      const [row, user, price, prediction] = line.split(",");
      expect([Number(row), user, Number(price)]).toEqual([i + 1, testRows[i].user, testRows[i].price]);
      expect(Number(prediction)).toBeCloseTo(expected[i], 6);
    });
    const labels = Float32Array.from(testRows, ({ clicked }) => Number(clicked));
    const logits = model.logits(testRows.map(withoutLabel));
    const { auc } = evaluateBinary(logits, labels);
    expect(auc).toEqual({
      defined: true,
      value: expect.closeTo(json("runs/one/report.json").results[0].auc, 6),
    });
  });

  it("writes refused rows to a quarantine file, and reads several files", async () => {
    const args = ["--data", "rows.csv", "test.csv", "--output", "two.parquet"];
    const { out } = await score(...args);
    expect(out).toContain("two.parquet: 2,501 predictions");
    expect(out).toContain("2,503 read = 2,501 scored + 2 refused");
    const refused = lines("two.parquet.quarantine.jsonl").map((line) => JSON.parse(line));
    expect(refused).toEqual([
      expect.objectContaining({ row: 2001, feature: "price", reason: "not a finite number" }),
      expect.objectContaining({ line: 2002, reason: expect.stringContaining("malformed row") }),
    ]);
    expect(readFileSync("two.parquet").subarray(0, 4).toString()).toBe("PAR1");
  });

  it("writes nothing where too many rows are refused", async () => {
    world.write("bad.csv", csv(testRows.map((row, i) => (i % 5 === 0 ? { ...row, price: "inf" } : row))));
    const { code, err } = await score("--data", "bad.csv", "--output", "none.csv");
    expect(code).toBe(1);
    expect(err).toContain("100 of 500 rows: 100 × price: not a finite number");
    expect(existsSync("none.csv")).toBe(false);
    expect(lines("none.csv.quarantine.jsonl")).toHaveLength(100);
  });

  it("names a column that cannot be kept, and a format that cannot be written", async () => {
    const column = await score("--data", "test.csv", "--output", "x.csv", "--columns", "usr");
    expect(column.err).toMatch(/--columns: the data has no such column[\s\S]*expected: one of user/);
    const format = await score("--data", "test.csv", "--output", "x.xlsx");
    expect(format.err).toMatch(/--output: [\s\S]*\.csv or \.parquet/);
  });

  it("refuses a row in memory, naming row and feature", async () => {
    const model = await load("runs/one", { backend: "reference" });
    const good = withoutLabel(testRows[0]);
    expect(() => model.predict([good, { ...good, price: Number.NaN }])).toThrow(DataError);
    expect(() => model.predict([good, { ...good, price: Number.NaN }])).toThrow(
      /rows\[1\]: the feature price refuses the row[\s\S]*not a finite number/,
    );
    expect(model.predictOne(good)).toBe(model.predict([good])[0]);
    expect(model.predict([])).toHaveLength(0);
  });
});

describe("pairloom inspect", () => {
  it("shows parameters with shapes, the graph and the program", async () => {
    const { out } = await cli("inspect", "runs/one");
    expect(out).toMatch(/embeddings\.user\.weight .*\[101, 8\].*808/);
    expect((await cli("inspect", "runs/one", "--graph")).out).toContain("output logits");
    expect((await cli("inspect", "runs/one", "--program", "--training")).out).toContain("dotInteractionGrad");
  });

  it("shows a config before anything is trained", async () => {
    const { out, code } = await cli("inspect", ".");
    expect(code).toBe(0);
    expect(out).toContain("[rows, 8]");
  });
});

describe("pairloom doctor", () => {
  it("finds what every machine has", async () => {
    const { out } = await cli("doctor");
    expect(out).toMatch(/^ok +node +v\d+/m);
    expect(out).toMatch(/^ok +duckdb +v\d/m);
  });
});

function withoutLabel({ user, item, price }: Row) {
  return { user, item, price };
}
