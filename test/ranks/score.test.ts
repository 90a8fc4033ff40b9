import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadAddon } from "../../src/native/addon.js";
import { cli, csv, makeWorld, PAIRLOOM, rows, smallConfig, type World } from "../cli-world.js";
import { type Ended, Job, LAUNCHERS } from "./job.js";

/* `eval` and `predict` as processes of each launcher: the figures and files of one process, and errors that all have. */

/** More than a batch of reading. */
const ROWS = 33_000;

/** Fixed rows, rows in a store, rows by keys, two labels, 16-bit tables and products. */
function manyTables() {
  const { data, model, train } = smallConfig();
  return {
    data: { ...data, label: ["clicked", "cheap"], maxBadRows: 0.01 },
    features: [
      { kind: "id", name: "user", hash: 100, dtype: "bf16" },
      { kind: "id", name: "item", columns: ["item", "price"], dynamic: { capacity: 100, evict: "lru" } },
      {
        kind: "id",
        name: "both",
        columns: ["user", "item"],
        hash: 5000,
        store: { memory: "8KB", path: "store" },
      },
      { kind: "number", name: "price", normalize: "zscore" },
    ],
    model: { ...model, sparse: { features: ["user", "item", "both"] } },
    train: { ...train, batchSize: 64, threads: 1, precision: "bf16" },
  };
}

/** Two members, whose tables are written by ranks. */
const members = () => ({ ...smallConfig(), train: { batchSize: 128, seeds: 2, threads: 1 } });

const atRank = (name: string) => [
  "sh",
  "-c",
  `cd ${name}$\{OMPI_COMM_WORLD_RANK:-$PMI_RANK} && exec "$@"`,
  "-",
];

let world: World;
beforeAll(async () => {
  world = makeWorld();
  const lines = csv(rows(600)).trimEnd().split("\n");
  const withLabel = lines.map((line, i) => `${line},${i === 0 ? "cheap" : i % 2}`);
  world.write("rows.csv", `${withLabel.join("\n")}\n`);
  world.write("test.csv", `${withLabel.slice(0, 200).join("\n")}\n`);
  const many = csv(rows(ROWS)).split("\n");
  world.write(
    "new.csv",
    many.map((line, i) => (i % 5000 === 7 ? line.replace(/,\d.*/, ",?,1") : line)).join("\n"),
  );
  world.write("bad.csv", csv(rows(100).map((row) => ({ ...row, price: "?" }))));
  world.write("many.config.json", JSON.stringify(manyTables()));
  world.write("members.config.json", JSON.stringify(members()));
});
afterAll(() => world.remove());

describe.skipIf(!loadAddon().addon).each(LAUNCHERS)("ranks of $name that score", ({ name, command }) => {
  const ranks = (count: number, ...args: string[]): Promise<Ended> =>
    new Job([...command, "-n", String(count), ...PAIRLOOM, ...args]).end();

  beforeAll(async () => {
    for (const each of ["many", "members"]) {
      const { code, out } = await ranks(2, "train", `${each}.config.json`, "--run", `${name} ${each}`);
      expect(code, out).toBe(0);
    }
  });

  it.each([
    ["many", 3, "parquet"],
    ["members", 2, "csv"],
  ])("write the bytes of one process: %s", async (each, count, type) => {
    const run = `${name} ${each}`;
    const alone = await cli("eval", run, "--json");
    const together = await ranks(count, "eval", run, "--json");
    expect(together.code, together.out).toBe(0);
    expect(together.out.match(/^\{.*\}\n/m)?.[0]).toBe(alone.out);
    const [one, several] = [`${run} alone.${type}`, `${run} ranks.${type}`];
    const predict = ["predict", run, "--data", "new.csv", "--columns", "item,price", "--output"];
    expect((await cli(...predict, one)).code).toBe(0);
    const { code, out } = await ranks(count, ...predict, several);
    expect(code, out).toBe(0);
    expect(out).toContain("32,993 scored + 7 refused");
    expect(readFileSync(several).equals(readFileSync(one))).toBe(true);
    const [listed, expected] = [several, one].map((path) => readFileSync(`${path}.quarantine.jsonl`, "utf8"));
    expect(listed).toBe(expected);
  });

  it("end where rank 0 refuses the rows, and leave no output", async () => {
    const output = `${name} bad.csv`;
    const { code, out } = await ranks(2, "predict", `${name} many`, "--data", "bad.csv", "--output", output);
    expect(code).toBe(1);
    expect(out.match(/too many rows were refused/g)).toHaveLength(1);
    expect(existsSync(output)).toBe(false);
  });

  it("refuse the reference backend", async () => {
    const { code, out } = await ranks(2, "eval", `${name} many`, "--backend", "reference");
    expect(code).toBe(1);
    expect(out).toMatch(/the reference backend runs as one process\n +got: +2 ranks/);
  });

  describe("each with a disk of its own", { concurrent: true }, () => {
    const disk = (rank: number) => `${command[0]}-${rank}`;
    const apart = (...args: string[]) =>
      new Job([...command, "-n", "2", ...atRank(`${command[0]}-`), ...PAIRLOOM, ...args]).end();
    beforeAll(() => {
      for (const rank of [0, 1]) {
        mkdirSync(disk(rank));
        cpSync(`${name} members`, join(disk(rank), "run"), { recursive: true });
        for (const file of ["rows.csv", "test.csv", "members.config.json"])
          cpSync(file, join(disk(rank), file));
      }
    });

    it("score with the same files, and say which rank has others or none", async () => {
      const predict = ["predict", "run", "--data", "test.csv", "--output"];
      const { code, out } = await apart(...predict, "same.csv");
      expect(code, out).toBe(0);
      expect(readdirSync(disk(1))).not.toContain("same.csv");
      const text = readFileSync("test.csv", "utf8");
      writeFileSync(join(disk(1), "test.csv"), text.replace(/u3,/, "u4,"));
      const other = await apart(...predict, "other.csv");
      expect(other.code).toBe(1);
      expect(other.out).toMatch(`rank 1 (host ${hostname()}): the ranks differ in the rows of the data`);
      writeFileSync(join(disk(1), "test.csv"), text.split("\n").slice(0, 100).join("\n"));
      expect((await apart(...predict, "other.csv")).out).toMatch(
        /got: +rows 1 to 99 .*\n +expected: rows 1 to 199 /,
      );
      cpSync(join(disk(0), "test.csv"), join(disk(1), "elsewhere.csv"));
      const none = await apart("predict", "run", "--data", "elsewhere.csv", "--output", "other.csv");
      expect(none.code).toBe(1);
      expect(none.out).toMatch(/error: --data.path: the file does not exist/);
      expect(readdirSync(disk(0)).filter((each) => /^other/.test(each))).toEqual([]);
    });

    it("say which rank has another checkpoint, or none", async () => {
      cpSync(`${name} many`, join(disk(0), "model"), { recursive: true });
      const none = await apart("eval", "model");
      expect(none.code).toBe(1);
      expect(none.out).toMatch(
        /rank 1 \(host .*\), model.checkpoints.step-\d+: the directory is not that of rank 0/,
      );
      cpSync(`${name} members`, join(disk(1), "model"), { recursive: true });
      const other = await apart("eval", "model");
      expect(other.code).toBe(1);
      expect(other.out).toMatch(
        /rank 1 \(host .*\): the ranks differ in the checkpoint model.checkpoints.step-\d+/,
      );
    });

    it("train nothing", async () => {
      const { code, out } = await apart("train", "members.config.json", "--run", "new");
      expect(code).toBe(1);
      expect(out).toMatch(`rank 1 (host ${hostname()}), new: the directory is not that of rank 0`);
      expect(out).toMatch(/put it on a file system that all machines share/);
      expect(readdirSync(disk(0))).not.toContain("new");
    });
  });
});
