import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { reportPage } from "../src/report/page/page.js";
import type { ReportData } from "../src/report/report-data.js";
import { cli, csv, makeWorld, measureCeilingsOnce, rows, smallConfig, type World } from "./cli-world.js";

/** The report of runs of every kind, and of runs that lack something. */
let world: World;
beforeAll(() => {
  world = makeWorld();
  world.write("rows.csv", csv(rows(1500)));
  world.write("valid.csv", csv(rows(200)));
  world.write("test.csv", csv(rows(300)));
  return measureCeilingsOnce();
});
afterAll(() => world.remove());

// biome-ignore lint/suspicious/noExplicitAny: configs of every kind
type Change = (config: any) => void;

async function train(name: string, change: Change = () => undefined): Promise<string> {
  const config = smallConfig();
  change(config);
  world.write(`${name}/pairloom.config.json`, JSON.stringify(config));
  const trained = await cli("train", name, "--run", `runs/${name}`, "--threads", "1");
  expect(trained.err + trained.out).not.toContain("error:");
  return `runs/${name}`;
}

async function report(run: string, ...options: string[]): Promise<ReportData & { readonly page: string }> {
  const { out, err } = await cli("report", run, "--json", "--threads", "1", ...options);
  expect(err).not.toContain("error:");
  const data = JSON.parse(out);
  return { ...data, page: reportPage(data) };
}

/** What holds for every report with scored rows. */
function checkScored(
  { scored, predicts, page }: Awaited<ReturnType<typeof report>>,
  split: string,
  rowCount: number,
) {
  expect(scored).toMatchObject({ split, rows: rowCount, splitRows: rowCount });
  for (const { calibration, histogram } of scored!.labels) {
    expect(calibration.reduce((sum, group) => sum + group.rows, 0)).toBe(rowCount);
    expect(histogram.rows.reduce((sum, count) => sum + count, 0)).toBe(rowCount);
    expect(histogram.positives === undefined).toBe(predicts === "numbers");
  }
  expect(scored!.importance.map(({ feature }) => feature).sort()).toEqual(["item", "price", "user"]);
  expect(scored!.pairs.features).toHaveLength(3);
  for (const title of [
    "Learning curves",
    "Metrics",
    "Calibration",
    "Feature importance",
    "field pairs",
    "Config",
  ])
    expect(page).toContain(title);
}

const metric =
  (metricName: string): Change =>
  (config) => {
    config.train.metric = metricName;
  };

const KINDS: readonly (readonly [name: string, predicts: string, change: Change])[] = [
  ["binary", "probabilities", () => undefined],
  [
    "regression",
    "numbers",
    (config) => {
      config.train.loss = { kind: "squaredError" };
      metric("meanSquaredError")(config);
    },
  ],
  [
    "classes",
    "classes",
    (config) => {
      config.train.loss = { kind: "softmaxCrossEntropy", classes: 3 };
    },
  ],
  [
    "labels",
    "probabilities",
    (config) => {
      for (const split of ["train", "test"])
        config.data[split].sql = "SELECT *, 1 - CAST(clicked AS INTEGER) AS skipped FROM source";
      config.data.label = ["clicked", "skipped"];
    },
  ],
  [
    "seeds",
    "probabilities",
    (config) => {
      config.train.seeds = 2;
    },
  ],
  [
    "linear",
    "probabilities",
    (config) => {
      config.model = { kind: "logisticRegression", features: ["user", "item", "price"] };
    },
  ],
];

describe("pairloom report", () => {
  it.each(KINDS)("of a %s run", async (name, predicts, change) => {
    const run = await train(name, change);
    const data = await report(run);
    expect(data).toMatchObject({ run: name, predicts, state: "finished", leftOut: {} });
    checkScored(data, "test", 300);
    const { results } = JSON.parse(readFileSync(`${run}/report.json`, "utf8"));
    expect(data.results).toEqual({ split: "test", lines: results });
    expect(
      data.curves.filter(
        ({ split, name, values }) => /\btrain$/.test(split) && name === "loss" && values.length > 0,
      ),
    ).toHaveLength(name === "seeds" ? 2 : 1);
    expect(data.instructions!.lines.length).toBeGreaterThan(3);
  });

  it("has the numbers of the predictions", async () => {
    const { scored, results } = await report("runs/binary");
    await cli(
      "predict",
      "runs/binary",
      "--data",
      "test.csv",
      "--output",
      "scores.csv",
      "--columns",
      "clicked",
    );
    const lines = readFileSync("scores.csv", "utf8").trim().split("\n").slice(1);
    const scores = lines.map((line) => line.split(",").slice(1).map(Number)).map(([y, p]) => ({ y, p }));
    const sorted = [...scores].sort((a, b) => a.p - b.p);
    const [{ calibration }] = scored!.labels;
    let start = 0;
    for (const { rows: size, predicted, actual } of calibration) {
      const group = sorted.slice(start, start + size);
      expect(predicted).toBeCloseTo(group.reduce((sum, { p }) => sum + p, 0) / size, 5);
      expect(actual).toBeCloseTo(group.reduce((sum, { y }) => sum + y, 0) / size, 10);
      start += size;
    }
    const base = scores.reduce((sum, { y }) => sum + y, 0) / scores.length;
    expect(results!.lines[0].baseRate).toBeCloseTo(base, 6);
  });

  it("of a model without products has no strength of pairs; of a label that is a product, that of the two ids", async () => {
    const linear = await report("runs/linear");
    expect(new Set(linear.scored!.pairs.strength.flat())).toEqual(new Set([0]));
    expect(linear.page).toContain("no pair adds anything");
    const run = await train("product", (config) => {
      config.train.epochs = 12;
    });
    const { scored } = await report(run);
    const { features, strength } = scored!.pairs;
    const of = (i: string, j: string) => strength[features.indexOf(i)][features.indexOf(j)];
    expect(of("user", "item")).toBeGreaterThan(5 * of("user", "price"));
    expect(of("user", "item")).toBeGreaterThan(5 * of("item", "price"));
    const change = (name: string) =>
      scored!.importance.find(({ feature }) => feature === name)!.change.clicked!;
    expect(change("user")).toBeGreaterThan(0.2);
    expect(change("item")).toBeGreaterThan(0.2);
    expect(Math.abs(change("price"))).toBeLessThan(0.05);
  });

  it("of a run without a test split uses the validation split", async () => {
    const run = await train("valid", (config) => {
      config.data.valid = { path: "valid.csv" };
      delete config.data.test;
    });
    const data = await report(run);
    checkScored(data, "valid", 200);
    expect(data.results!.split).toBe("valid");
  });

  it("of a run with a training split only says that its numbers are those of training rows", async () => {
    const run = await train("alone", (config) => {
      delete config.data.test;
    });
    const data = await report(run);
    checkScored(data, "train", 1500);
    expect(data.warnings.join()).toContain("rows that the model was trained on");
    expect(data.leftOut.results).toContain("was not measured");
  });

  it("takes a random sample of a large split, always the same", async () => {
    const first = await report("runs/binary", "--rows", "100");
    const { scored } = first;
    expect(scored!.splitRows).toBe(300);
    expect(scored!.rows).toBeGreaterThan(30);
    expect(scored!.rows).toBeLessThanOrEqual(100);
    const again = await report("runs/binary", "--rows", "100");
    expect(again.scored).toEqual(scored);
    expect(again.page).toContain(`A random ${scored!.rows} of 300 rows`);
  });

  it("of a run that stopped has what is there", async () => {
    const run = await train("stopped");
    rmSync(`${run}/report.json`);
    const stopped = await report(run);
    expect(stopped).toMatchObject({ state: "ended", scored: { rows: 300 } });
    expect(stopped.leftOut.results).toContain("was not measured");
    expect(stopped.splits.train.rows).toBe(1500); // known from quarantine.json
    rmSync(`${run}/checkpoints`, { recursive: true });
    rmSync(`${run}/metrics.jsonl`);
    const empty = await report(run);
    expect(empty.leftOut.scored).toContain("The model could not be opened");
    expect(empty.leftOut.curves).toContain("no log");
    expect(empty.page).toContain("The model could not be opened");
  });

  it("of a run whose data is gone has everything else, and finds the data where --set says", async () => {
    const run = await train("gone", (config) => {
      config.data.test.path = "gone-test.csv";
      world.write("gone-test.csv", csv(rows(300)));
    });
    renameSync("gone-test.csv", "moved.csv");
    const data = await report(run);
    expect(data.scored).toBeUndefined();
    expect(data.leftOut.scored).toMatch(/^The rows could not be scored: .*gone-test\.csv/);
    expect(data.results!.lines.length).toBe(2);
    expect(data.page).toContain("gone-test.csv");
    const found = await report(run, "--set", 'data.test.path="moved.csv"');
    checkScored(found, "test", 300);
  });

  it("says what scores look like where metrics are undefined, and warns", async () => {
    world.write("none.csv", csv(rows(100).map((row) => ({ ...row, clicked: 0 }))));
    const run = await train("undefined", (config) => {
      config.data.test.path = "none.csv";
    });
    const data = await report(run);
    checkScored(data, "test", 100);
    expect(data.warnings.join()).toMatch(/Undefined metrics on the test split: .*auc/);
    expect(data.scored!.importance[0].change.clicked).toBeNull();
  });

  it("shows the warnings of the run", async () => {
    const path = "runs/binary/report.json";
    const before = readFileSync(path, "utf8");
    writeFileSync(path, JSON.stringify({ ...JSON.parse(before), warnings: ["Look at <this> & that."] }));
    const { warnings, page } = await report("runs/binary");
    expect(warnings).toContain("Look at <this> & that.");
    expect(page).toContain("Look at &#60;this&#62; &#38; that.");
    writeFileSync(path, before);
  });

  it("reads reports of other versions, and files that are not what they should be", async () => {
    const path = "runs/binary/report.json";
    const before = readFileSync(path, "utf8");
    for (const text of ["", "[]", "{}", '{"results":7,"data":{"test":3},"training":{},"warnings":[1]}']) {
      writeFileSync(path, text);
      const data = await report("runs/binary");
      checkScored(data, "test", 300);
      expect(data.results).toBeUndefined();
    }
    writeFileSync(path, before);
  });

  it("on the reference backend has everything but the instructions", async () => {
    const data = await report("runs/binary", "--backend", "reference");
    const native = await report("runs/binary");
    expect(data.leftOut.instructions).toContain("Only the native core");
    data.scored!.importance.forEach(({ feature, effect }) => {
      const other = native.scored!.importance.find((each) => each.feature === feature)!;
      expect(effect).toBeCloseTo(other.effect, 4);
    });
  });

  it("escapes texts that are markup: of labels, and of files that somebody has changed", async () => {
    const bad = '</script><img src=x onerror="alert(1)">\'';
    const run = await train("hostile", (config) => {
      for (const split of ["train", "test"])
        config.data[split].sql = `SELECT *, 1 - clicked::INT AS "${bad.replaceAll('"', '""')}" FROM source`;
      config.data.label = ["clicked", bad];
    });
    const found = JSON.parse(readFileSync(`${run}/report.json`, "utf8"));
    found.warnings.push(bad);
    found.backend = bad;
    found.results.push({ ...found.results[0], name: bad });
    found.data[bad] = {
      ...found.data.train,
      reasons: { [bad]: 1 },
      features: { [bad]: { missing: 1, unknown: 1 } },
    };
    writeFileSync(`${run}/report.json`, JSON.stringify(found));
    const line = { step: 3, epoch: 0, split: bad, values: { [bad]: 1 }, time: 0 };
    appendFileSync(`${run}/metrics.jsonl`, `${JSON.stringify(line)}\n`);
    const { page, scored, ...data } = await report(run);
    expect(scored!.labels.map(({ label }) => label)).toContain(bad);
    const pages = [
      page,
      reportPage({ ...data, scored, leftOut: { splits: bad }, splits: {}, run: bad, model: bad }),
    ];
    for (const text of pages) {
      expect(text).not.toContain("<img");
      expect(text.match(/<script/g)).toHaveLength(2);
      expect(text.match(/<\/script/g)).toHaveLength(2);
      expect(text).toContain("&#60;img src=x onerror=&#34;alert(1)&#34;&#62;&#39;");
    }
  });

  it("of an imported run scores the rows that its config names", async () => {
    const folder = new URL("../src/tzrec/fixtures/", import.meta.url).pathname;
    const weights = [
      "--weights",
      `${folder}dlrm.safetensors`,
      "--run",
      "runs/imported",
      "--output",
      "imported.ts",
    ];
    const { err } = await cli("import", "tzrec", `${folder}dlrm.config`, ...weights);
    expect(err).not.toContain("error:");
    const gone = await report("runs/imported");
    expect(gone).toMatchObject({ state: "ended", model: "dlrm", checkpoint: { step: 0 } });
    expect(Object.keys(gone.leftOut).sort()).toEqual([
      "curves",
      "instructions",
      "results",
      "scored",
      "splits",
    ]);
    const { rows: samples } = JSON.parse(readFileSync(`${folder}logits.json`, "utf8"));
    const label = (gone.config as { data: { label: string } }).data.label;
    const text = samples
      .map((row: object, i: number) => JSON.stringify({ ...row, [label]: i % 2 }))
      .join("\n");
    world.write("samples.jsonl", `${text}\n`);
    const source = JSON.stringify({ path: "samples.jsonl", format: "json" });
    const found = await report("runs/imported", "--set", `data.valid=${source}`);
    expect(found.scored).toMatchObject({ split: "valid", rows: samples.length });
    expect(found.scored!.importance.length).toBeGreaterThan(3);
  });

  it("writes the page into the run, or where --output says, and the same numbers as JSON", async () => {
    const { page, ...data } = await report("runs/binary");
    const untimed = ({ instructions, ...rest }: ReportData) => rest;
    expect((await cli("report", "runs/binary", "--threads", "1")).out).toBe("runs/binary/report.html\n");
    const body = (text: string) => text.slice(0, text.indexOf("Slowest instructions"));
    expect(body(readFileSync("runs/binary/report.html", "utf8"))).toBe(body(page));
    await cli("report", "runs/binary", "--threads", "1", "--json", "--output", "numbers.json");
    expect(untimed(JSON.parse(readFileSync("numbers.json", "utf8")))).toEqual(untimed(data));
  });

  it("refuses what is no run", async () => {
    mkdirSync("empty", { recursive: true });
    for (const [place, what] of [
      ["empty", "this is not a run directory"],
      ["nowhere", "the run directory does not exist"],
    ]) {
      const { code, err } = await cli("report", place);
      expect(code).toBe(1);
      expect(err).toContain(what);
      expect(existsSync(`${place}/report.html`)).toBe(false);
    }
  });

  it("is under 100 KB without data, and asks for nothing from the network", async () => {
    const { page, curves, config, ...parts } = await report("runs/binary");
    const data = JSON.stringify([curves, config, parts]);
    expect(Buffer.byteLength(page) - data.length).toBeLessThan(100_000);
    expect(page).not.toMatch(/(src|href)="(?!data:,")/);
    expect(page).toContain("default-src &#39;none&#39;");
  });
});
