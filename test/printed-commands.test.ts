import { afterAll, beforeAll, expect, it } from "vitest";
import { cli, csv, makeWorld, printedWords, rows, smallConfig, type World } from "./cli-world.js";

/** Commands that Pairloom prints can be pasted, whatever paths and names are. */
let world: World;
const config = "Ann's shop.json";
const run = "my runs/$1";

beforeAll(() => {
  world = makeWorld();
  for (const [name, count] of [
    ["rows", 500],
    ["valid", 100],
    ["test", 100],
  ] as const)
    world.write(`${name}.csv`, csv(rows(count)));
  world.write("it's data.csv", csv(rows(500)).replace("clicked", "was clicked"));
  const small = smallConfig();
  small.data.valid = { path: "valid.csv" };
  small.search = { "train.batchSize": { choice: [64, 128] } };
  world.write(config, JSON.stringify(small));
});
afterAll(() => world.remove());

/** The words of the command that a text names, without its full stop. */
function wordsOf(text: string, command: string): string[] {
  const [, words] = new RegExp(`npx pairloom (${command} .*?)\\.?$`, "m").exec(text)!;
  return printedWords(words.replace("<file>", "new.csv"));
}

it("of a training that has ended", async () => {
  const { out } = await cli("train", config, "--run", run, "--steps", "1", "--backend", "reference");
  expect(wordsOf(out, "inspect")).toEqual(["inspect", run]);
  expect(wordsOf(out, "predict")).toEqual(["predict", run, "--data", "new.csv", "--output", "scores.csv"]);
  expect((await cli(...wordsOf(out, "inspect"))).code).toBe(0);
  const { err } = await cli("predict", run, "--output", "scores.csv");
  expect(wordsOf(err, "predict").slice(0, 2)).toEqual(["predict", run]);
});

it("of a training that is resumed without its settings", async () => {
  const setting = 'train.optimizer={"embedding": {"kind": "sgd"}}';
  const options = ["--run", "my runs/2", "--steps", "1", "--backend", "reference"];
  expect((await cli("train", config, ...options, "--set", setting)).code).toBe(0);
  const { err } = await cli("train", config, ...options, "--resume");
  const [, words] = /started with (.*): repeat/.exec(err)!;
  expect(printedWords(words)).toEqual(["--set", setting]);
});

it("of a search whose time is over", async () => {
  const { out } = await cli("search", config, "--minutes", "0.00001", "--run", "my runs/3");
  expect(wordsOf(out, "runs")).toEqual(["runs", "my runs/3"]);
  expect(wordsOf(out, "search")).toEqual([
    ...["search", config, "--minutes", "0.00001"],
    ...["--run", "my runs/3", "--resume"],
  ]);
});

it("of init", async () => {
  const output = "new shop.config.ts";
  const { out } = await cli("init", "it's data.csv", "--label", "was clicked", "--output", output);
  expect(wordsOf(out, "train")).toEqual(["train", output]);
  const { err } = await cli("init", "it's data.csv", "--label", "was clickd", "--output", "b.ts");
  expect(printedWords(/Did you mean (.*)\?/.exec(err)![1])).toEqual(["--label", "was clicked"]);
});
