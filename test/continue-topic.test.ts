import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, readdirSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findLatest } from "../src/checkpoint/index.js";
import { hashTensors } from "../src/saved/hash-tensors.js";
import {
  cli,
  csv,
  jsonLines,
  makeWorld,
  newestTensors,
  PAIRLOOM,
  type Row,
  rows,
  smallConfig,
  type World,
} from "./cli-world.js";
import { Job, LAUNCHERS } from "./ranks/job.js";

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
});
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
  });

  it.skipIf(LAUNCHERS.length === 0)(
    "is read by one of two ranks, which train to the bytes of one process",
    async () => {
      await firstTraining("alone", { topic: { name: "shared", brokers: [broker] } });
      cpSync("alone", "ranks", { recursive: true });
      produce("shared", 0, json(rows(90)));
      produce("shared", 1, json(rows(30)));
      expect((await goOn("alone.json", "alone")).code).toBe(0);
      const train = ["train", "alone.json", "--run", "ranks", "--continue", "--until-end"];
      const job = await new Job([...LAUNCHERS[0].command, "-n", "2", ...PAIRLOOM, ...train]).end();
      expect([job.code, job.out]).toEqual([0, expect.stringContaining("120 messages of the topic shared")]);
      const [alone, ranks] = ["alone", "ranks"].map((name) => jsonLines(`${name}/stretches.jsonl`));
      expect(ranks.map(({ reads }) => reads)).toEqual(alone.map(({ reads }) => reads));
      const hashOf = async (run: string) => hashTensors((await findLatest(run)).checkpoint!);
      expect(await hashOf("ranks")).toEqual(await hashOf("alone"));
    },
  );

  const goOnFiles = (name = "files") => cli("train", `${name}.json`, "--run", name, "--continue");

  it("quarantines malformed and refused messages with their offset", async () => {
    const bad = { ...rows(1)[0], clicked: "maybe" };
    const twice = `{"user":"u1",${json(rows(1))[0].slice(1)}`;
    produce("odd", 0, [...json(rows(20)), "not json", "[1]", JSON.stringify(bad), twice]);
    await firstTraining("odd", { topic: { name: "odd", brokers: [broker] } });
    const { code, err } = await goOn("odd.json", "odd");
    expect([code, err]).toEqual([0, expect.stringContaining("4 quarantined")]);
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
      ["odd", 0, 23, "malformed row: the key user twice", twice],
    ]);
  });

  it("reads a key that no message of a stretch has as missing, and quarantines messages without a label", async () => {
    const without = (left: string, records: readonly object[]) =>
      records.map((row) => JSON.stringify(row, (key, value) => (key === left ? undefined : value)));
    produce("absent", 0, [
      ...without("price", rows(50)),
      ...without("clicked", JSON.parse(`[${without("price", rows(5))}]`)),
    ]);
    await firstTraining("absent", { topic: { name: "absent", brokers: [broker] } });
    const { code, err } = await goOn("absent.json", "absent");
    expect([code, err]).toEqual([0, expect.stringContaining("50 rows, 5 quarantined")]);
    await firstTraining("nulls", { path: "rows-of-nulls/*.json" });
    const nulls = rows(50).map((row) => JSON.stringify({ ...row, price: null }));
    world.write("rows-of-nulls/1.json", `${nulls.join("\n")}\n`);
    await goOnFiles("nulls");
    expect(newestTensors("absent")).toEqual(newestTensors("nulls"));
  });

  it("trains on each message once, whenever the process is killed", async () => {
    produce("many", 0, json(rows(180)));
    await firstTraining("killed", { topic: { name: "many", brokers: [broker], rows: 60 } });
    const saved = () => readdirSync("killed/checkpoints").filter((name) => name.startsWith("step-")).length;
    const first = saved();
    await killWhen(() => existsSync("killed/stretches.jsonl"));
    await killWhen(() => saved() > first);
    expect((await goOn("killed.json", "killed")).code).toBe(0);
    await firstTraining("parts", { path: "rows-of-parts/*.json" });
    for (let part = 0; part < 3; part++) {
      world.write(
        `rows-of-parts/${part}.json`,
        `${json(rows(180).slice(60 * part, 60 * part + 60)).join("\n")}\n`,
      );
      expect(await goOnFiles("parts")).toMatchObject({ code: 0, err: expect.stringContaining("60 rows") });
    }
    expect(newestTensors("killed")).toEqual(newestTensors("parts"));
    const lines = jsonLines("killed/stretches.jsonl");
    const read = new Map(lines.map(({ stretch, reads }) => [stretch as number, reads.ranges[0]]));
    const ranges = [0, 60, 120].map((first) => ({ partition: 0, first, next: first + 60, count: 60 }));
    expect([...read]).toEqual(ranges.map((range, i) => [i + 1, range]));
  });

  /** Goes on in a process of its own, and kills it with SIGKILL at this moment. */
  async function killWhen(isTime: () => boolean): Promise<void> {
    const args = ["train", "killed.json", "--run", "killed", "--continue", "--until-end"];
    const child = spawn(PAIRLOOM[0], [...PAIRLOOM.slice(1), ...args]);
    const closed = once(child, "close");
    const timer = setInterval(() => isTime() && child.kill("SIGKILL"), 1);
    const [, signal] = await closed;
    clearInterval(timer);
    expect(signal).toBe("SIGKILL");
  }

  it("says what is wrong with a topic that is not the one it has read", async () => {
    produce("other", 0, json(rows(20)));
    await firstTraining("gone", { topic: { name: "other", brokers: [broker], from: { "0": 50 } } });
    const { code, err } = await goOn("gone.json", "gone");
    expect(code).toBe(1);
    expect(err).toMatch(/other, partition 0[\s\S]*messages 0 to 19[\s\S]*offset 50/);
  });
});
