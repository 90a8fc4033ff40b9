import { existsSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { cli, csv, makeWorld, rows, smallConfig, type World } from "./cli-world.js";

let world: World;
beforeAll(() => {
  world = makeWorld();
  world.write("rows.csv", csv(rows(600)));
  world.write("test.csv", csv(rows(200)));
  world.write("notes.txt", "");
});
afterAll(() => world.remove());

// biome-ignore lint/suspicious/noExplicitAny: a spoilt config has no type
type Spoil = (config: any) => void;

/** The error of training with a spoilt config: exit code 1, one message, no stack. */
async function errorOf(spoil: Spoil): Promise<string> {
  const config = smallConfig();
  spoil(config);
  world.write("spoilt/pairloom.config.json", JSON.stringify(config));
  const { code, err } = await cli("train", "spoilt", "--backend", "reference");
  expect(code).toBe(1);
  expect(err.match(/^error: /gm)).toHaveLength(1);
  expect(err).not.toMatch(/^\s+at /m);
  return err.slice(err.indexOf("error: "));
}

const says = (error: string, parts: { where: string; got?: string; expected?: string; next?: string }) => {
  expect(error).toContain(`error: ${parts.where}`);
  for (const key of ["got", "expected", "next"] as const)
    if (parts[key] !== undefined)
      expect(error).toMatch(new RegExp(`^  ${key}: +.*${escapePattern(parts[key])}`, "m"));
};
const escapePattern = (text: string) => text.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");

describe("errors in a config", () => {
  it("names the nearest key for one that is not known", async () => {
    const error = await errorOf((config) => {
      config.train.batchsize = config.train.batchSize;
      delete config.train.batchSize;
    });
    const next = 'Did you mean "batchSize"?';
    says(error, {
      where: 'train.batchsize: unknown key "batchsize"',
      got: "128",
      expected: "one of batchSize, epochs",
      next,
    });
  });

  it("knows the keys of the branch that a kind chooses, and of the right form of a union", async () => {
    const inModel = await errorOf((config) => {
      config.model.dense.mlp.activations = "relu";
    });
    says(inModel, {
      where: "model.dense.mlp.activations",
      expected: "hiddenUnits, activation, norm",
      next: '"activation"',
    });
    const inUnion = await errorOf((config) => {
      config.features[1].vocabulary = { mincount: 2 };
    });
    says(inUnion, {
      where: "features[1].vocabulary.mincount",
      expected: "minCount, maxSize",
      next: '"minCount"',
    });
  });

  it("counts the errors after the first", async () => {
    const error = await errorOf((config) => {
      config.train.batchSize = 0;
      config.train.seed = "one";
      config.data.weight = 7;
    });
    says(error, {
      where: "data.weight: a value has the wrong type",
      got: "7",
      expected: "a text",
      next: "Then 2 more: train.batchSize, train.seed.",
    });
  });

  it("names a feature that a group has and the config has not", async () => {
    const error = await errorOf((config) => {
      config.model.sparse.features[1] = "itm";
    });
    says(error, {
      where: 'model.sparse.features[1]: there is no feature "itm"',
      expected: "one of user, item, price",
    });
  });

  it("names two dims that must be equal", async () => {
    const error = await errorOf((config) => {
      config.features[1].dim = 4;
    });
    says(error, {
      where: "model.sparse.features[1]",
      got: '"item" has dim 4',
      expected: "8",
      next: "Set dim",
    });
  });

  it("names the last width of a dense MLP that is not the embedding dim", async () => {
    const error = await errorOf((config) => {
      config.model.dense.mlp.hiddenUnits = [16, 4];
    });
    says(error, { where: "model.dense.mlp.hiddenUnits[1]", got: "4", expected: "8", next: "embeddingDim" });
  });

  it("names two features of one name", async () => {
    const error = await errorOf((config) => {
      config.features[2].name = "user";
    });
    says(error, {
      where: 'features[2].name: the name "user" is taken by features[0]',
      got: '"user"',
      expected: "a name that no other",
    });
  });

  it("lists the kinds there are", async () => {
    const error = await errorOf((config) => {
      config.model.kind = "dlmr";
    });
    says(error, { where: "model.kind", got: '"dlmr"', expected: '"dlrm"', next: 'Did you mean "dlrm"?' });
  });

  it("says what a file without a config in it lacks", async () => {
    world.write("broken.config.ts", "export const config = {};\n");
    const none = await cli("train", "broken.config.ts");
    expect(none).toMatchObject({ code: 1 });
    expect(none.err).toContain("the config file has no default export");
    world.write("throws.config.ts", "\nconst a = {} as any;\nexport default a.b.c;\n");
    expect((await cli("train", "throws.config.ts")).err).toContain("throws.config.ts:3:");
  });
});

describe("errors in data", () => {
  it("names columns near a label that is not there", async () => {
    const error = await errorOf((config) => {
      config.data.label = "click";
    });
    says(error, { where: "data.label", got: "click", expected: "one of clicked", next: "Correct the name" });
  });

  it("names files near one that is not there", async () => {
    const error = await errorOf((config) => {
      config.data.train.path = "row.csv";
    });
    says(error, { where: "data.train.path: the file does not exist", got: "row.csv", expected: "rows.csv" });
  });

  it("refuses an empty file and one with a header alone", async () => {
    world.write("empty.csv", "");
    world.write("header.csv", "user,item,price,clicked\n");
    const empty = await errorOf((config) => {
      config.data.train.path = "empty.csv";
    });
    says(empty, { where: "data.train.path: the file is empty", got: "0 bytes" });
    const header = await errorOf((config) => {
      config.data.train.path = "header.csv";
    });
    says(header, { where: "data.train: the source has no readable rows", expected: "at least one row" });
  });

  it("refuses a column whose type its feature cannot read", async () => {
    const lists = rows(50).map(({ user, item, clicked }) =>
      JSON.stringify({ user, item, price: { now: 1 }, clicked }),
    );
    world.write("typed.jsonl", lists.join("\n"));
    const error = await errorOf((config) => {
      config.data.train.path = "typed.jsonl";
    });
    says(error, {
      where: "features[2].column: the column price has the wrong type",
      got: "STRUCT",
      expected: "a number",
    });
  });

  it("stops above the limit of bad rows and keeps them where it says", async () => {
    world.write(
      "texts.csv",
      csv(rows(600).map((row, i) => (i % 10 === 0 ? { ...row, price: "cheap" } : row))),
    );
    const error = await errorOf((config) => {
      config.data.train.path = "texts.csv";
      config.data.train.types = { price: "VARCHAR" };
    });
    says(error, {
      where: "data.maxBadRows",
      got: "60 of 600 rows (10 %): 60 × price: not a finite number",
      expected: "at most 1 %",
    });
    const path = /Look at the rows in (\S+),/.exec(error)?.[1];
    expect(existsSync(path!)).toBe(true);
  });

  it("refuses ids out of range, NaN and infinities as bad rows", async () => {
    world.write("numbers.csv", csv(rows(600)).replaceAll(/^u(?=\d)/gm, ""));
    const range = await errorOf((config) => {
      config.data.train.path = "numbers.csv";
      config.features[0] = { kind: "id", name: "user", buckets: 5 };
    });
    says(range, { where: "data.maxBadRows", got: "user: integer outside [0, buckets)" });
    world.write(
      "nan.csv",
      csv(rows(600).map((row, i) => (i % 20 === 0 ? { ...row, price: i % 40 ? "inf" : "nan" } : row))),
    );
    const nan = await errorOf((config) => {
      config.data.train.path = "nan.csv";
    });
    says(nan, { where: "data.maxBadRows", got: "30 of 600 rows (5 %): 30 × price: not a finite number" });
  });
});

describe("errors on the command line", () => {
  it.each([
    [["trian", "x"], "there is no command", "npx pairloom train"],
    [["train"], "Missing required positional argument", "--help"],
    [["train", "spoilt", "--thread", "2"], "has no option --thread", "--help"],
    [["train", "spoilt", "--threads", "two"], "an integer above 0", "--threads 2"],
    [["train", "spoilt", "--backend", "gpu"], "--backend has an unknown value", "--backend native"],
    [["train", "a", "b"], "takes 1 argument", "--help"],
    [["init", "a.csv", "--label"], "--label needs a value", "--help"],
    [["init", "a.csv", "--label", "--force"], "--label needs a value", "--help"],
    [["inspect", "notes.txt"], "is not a config, by its name", "pairloom init"],
    [["report", "nowhere", "--port", "x"], "has no option --port", "--help"],
    [["serve", "nowhere", "--port", "x"], "--port needs an integer above 0, at most 65535", "--port 8080"],
    [["train", "nowhere.ts"], "the config file does not exist", "relative paths start"],
    [["train", "spoilt", "--resume"], "there is no run to resume", "--run"],
    [["eval", "nowhere"], "the run directory does not exist", "run directory"],
    [["predict", "nowhere", "--output", "x.csv"], "needs files to score", "--data"],
    [["inspect"], "Missing required positional argument", "--help"],
  ])("%j", async (args, what, next) => {
    const { code, err } = await cli(...args);
    expect(code).toBe(1);
    expect(err).toContain(what);
    expect(err).toMatch(new RegExp(`next: .*${escapePattern(next)}`));
  });
});
