import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  cli,
  csv,
  jsonLines,
  makeWorld,
  newestTensors,
  type Row,
  rows,
  smallConfig,
  type World,
} from "./cli-world.js";

/** `train --continue` on a topic of a mock cluster, which kcat runs while its standard input is open. */
const hasKcat = spawnSync("kcat", ["-V"]).status === 0;
if (!hasKcat) console.warn("kcat is not installed (apt-get install kcat): topics are not tested");

let world: World;
let cluster: ChildProcess | undefined;
let broker = "";

beforeAll(async () => {
  if (!hasKcat) return;
  cluster = spawn("kcat", [
    "-P",
    "-b",
    "localhost:1",
    "-t",
    "t",
    "-X",
    "test.mock.num.brokers=1",
    "-d",
    "mock",
  ]);
  broker = await new Promise((resolve) => {
    cluster!.stderr!.on("data", (text: Buffer) => {
      const found = /bootstrap\.servers=(\S+)/.exec(text.toString());
      if (found) resolve(found[1]);
    });
  });
  world = makeWorld();
  world.write("rows.csv", csv(rows(300)));
}, 30_000);
afterAll(() => {
  cluster?.kill();
  if (hasKcat) world.remove();
});

function produce(topic: string, partition: number, values: readonly string[]): void {
  const input = values.map((value) => `${value}\n`).join("");
  execFileSync("kcat", ["-P", "-b", broker, "-t", topic, "-p", String(partition)], { input, stdio: "pipe" });
}

const json = (records: readonly Row[]) => records.map((record) => JSON.stringify(record));
const goOn = (config: string, run: string) => cli("train", config, "--run", run, "--continue", "--until-end");

async function firstTraining(
  name: string,
  topic: object,
  source: object = { path: "rows.csv" },
): Promise<void> {
  const config = smallConfig();
  config.data = { train: source, continue: topic, label: "clicked", cacheDir: `${name}-cache` };
  config.features[2].missing = 0;
  config.train.epochs = 1;
  world.write(`${name}.json`, JSON.stringify(config));
  expect((await cli("train", `${name}.json`, "--run", name)).code).toBe(0);
}

describe.skipIf(!hasKcat)("a topic", () => {
  it("trains on each message once, with the bytes of a file that has the same rows", async () => {
    const topic = { topic: { name: "clicks", brokers: [broker], group: "watch" } };
    produce("clicks", 0, json(rows(100)));
    produce("clicks", 1, json(rows(60)));
    await firstTraining("topic", topic);
    const first = await goOn("topic.json", "topic");
    expect(first.err).toContain("160 messages of the topic clicks");
    expect([first.code, first.err]).toEqual([0, expect.any(String)]);
    produce("clicks", 0, json(rows(40)));
    await goOn("topic.json", "topic");
    const none = await goOn("topic.json", "topic");
    expect(none.err).toContain("There are no new rows.");
    const lines = jsonLines("topic/stretches.jsonl");
    expect(lines.map(({ rows }) => rows)).toEqual([160, 40]);
    const [before, after] = lines.map(({ reads }) =>
      reads.ranges.filter(({ count }: { count: number }) => count > 0),
    );
    expect(before).toEqual([
      { partition: 0, first: 0, next: 100, count: 100 },
      { partition: 1, first: 0, next: 60, count: 60 },
    ]);
    expect(after).toEqual([{ partition: 0, first: 100, next: 140, count: 40 }]);

    await firstTraining("files", { path: "new/*.json" });
    world.write("new/1.json", `${[...json(rows(100)), ...json(rows(60))].join("\n")}\n`);
    await goOnFiles();
    world.write("new/2.json", `${json(rows(40)).join("\n")}\n`);
    await goOnFiles();
    expect(newestTensors("topic")).toEqual(newestTensors("files"));
  }, 60_000);

  const goOnFiles = () => cli("train", "files.json", "--run", "files", "--continue");

  it("quarantines malformed and refused messages with their offset", async () => {
    const bad = { ...rows(1)[0], clicked: "maybe" };
    produce("odd", 0, [...json(rows(20)), "not json", "[1]", JSON.stringify(bad)]);
    await firstTraining("odd", { topic: { name: "odd", brokers: [broker] } });
    const { code, err } = await goOn("odd.json", "odd");
    expect([code, err]).toEqual([0, expect.stringContaining("3 quarantined")]);
    const quarantined = jsonLines("odd/quarantine/stretch-00000001.jsonl");
    const places = quarantined.map(({ topic, partition, offset, reason, value }) => [
      topic,
      partition,
      offset,
      reason,
      value,
    ]);
    expect(places.sort((a, b) => a[2] - b[2])).toEqual([
      ["odd", 0, 20, "malformed row: not JSON", "not json"],
      ["odd", 0, 21, "malformed row: not a JSON object", "[1]"],
      ["odd", 0, 22, expect.any(String), expect.any(String)],
    ]);
  }, 60_000);

  it("says what is wrong with a topic that is not the one it has read", async () => {
    produce("other", 0, json(rows(20)));
    await firstTraining("gone", { topic: { name: "other", brokers: [broker], from: { "0": 50 } } });
    const { code, err } = await goOn("gone.json", "gone");
    expect(code).toBe(1);
    expect(err).toMatch(/other, partition 0[\s\S]*messages 0 to 19[\s\S]*offset 50/);
  }, 60_000);
});
