import { writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, it } from "vitest";
import { cli, makeWorld, type World } from "./cli-world.js";
import { clicks, delimited } from "./init-shapes.js";

let world: World;
beforeAll(() => {
  world = makeWorld();
  const rows = clicks(400).map((row, i) => ({
    ...row,
    batch: i < 200 ? "old" : "new",
    gap: i % 4 === 0 ? null : i,
  }));
  world.write("rows.csv", delimited(rows));
  const source = { path: "rows.csv" };
  const features = [{ kind: "id", name: "user", vocabulary: {} }];
  const model = { kind: "logisticRegression", features: ["user"] };
  const split = { train: "batch = 'old'", test: "batch = 'new'" };
  world.write("split.json", JSON.stringify({ data: { source, split, label: "clicked" }, features, model }));
  const data = { train: source, test: source, label: "clicked" };
  world.write("files.json", JSON.stringify({ data, features, model }));
});
afterAll(() => world.remove());

/** The cells of the line of a column. */
function line(out: string, column: string): string[] {
  const found = out.split("\n").find((each) => each.startsWith(`│ ${column} `)) ?? "";
  return found
    .split("│")
    .map((cell) => cell.trim())
    .slice(1, -1);
}

it("counts values, and says what they tell about the label", async () => {
  const { out, code } = await cli("stats", "rows.csv", "--label", "clicked");
  expect(code).toBe(0);
  expect(out).toContain("400 rows, 6 columns");
  expect(line(out, "user").slice(0, 4)).toEqual(["user", "id", "0 %", "9"]);
  expect(line(out, "gap").slice(0, 4)).toEqual(["gap", "number", "25 %", "300"]);
  expect(line(out, "clicked")[4]).toBe("label");
  // The first half of the rows and the second have nothing in common.
  expect(Number(line(out, "batch")[5])).toBeGreaterThan(5);
  expect(Number(line(out, "user")[5])).toBeLessThan(0.25);
  expect(Math.max(...out.split("\n").map(({ length }) => length))).toBeLessThanOrEqual(80);
});

it("needs no label", async () => {
  const { out } = await cli("stats", "rows.csv");
  expect(line(out, "user").slice(0, 4)).toEqual(["user", "id", "0 %", "9"]);
  expect(out).not.toContain("AUC");
});

it("compares the splits of a config", async () => {
  const bySplit = await cli("stats", "--config", "split.json");
  expect(bySplit.out).toContain("population stability index of train and test");
  expect(Number(line(bySplit.out, "batch")[5])).toBeGreaterThan(5);
  const byFile = await cli("stats", "--config", "files.json");
  expect(byFile.out).toContain("800 rows");
  expect(line(byFile.out, "batch")[5]).toBe("0.000");
});

it("names the columns that it cannot show, and refuses one of them as the label", async () => {
  world.write("repeated.csv", "y,a,a,A,b\n1,2,3,4,5\n0,3,2,4,6\n");
  expect((await cli("stats", "repeated.csv", "--label", "y")).out).toMatch(
    /\(capitals do not\s+count\):\s+a,\s+A\n/,
  );
  const { err, code } = await cli("stats", "repeated.csv", "--label", "a");
  expect(err).toContain("several columns have the name a");
  expect(code).toBe(1);
});

it("lists all columns for a label that is like none of them", async () => {
  world.write("short.csv", "user,item,x,y\n1,2,3,0\n2,2,3,1\n");
  const { err } = await cli("stats", "short.csv", "--label", "zz");
  expect(err).toContain("one of user, item, x, y\n");
  expect(err).not.toContain("Did you mean");
});

it("says which compressed file is damaged", async () => {
  const whole = gzipSync("x,y\n1,0\n2,1\n");
  for (const [content, got] of [
    [whole.subarray(0, -9), "unexpected end of file"],
    [Buffer.from("no gzip"), "incorrect header check"],
  ] as const) {
    writeFileSync("cut.csv.gz", content);
    for (const command of ["stats", "init"]) {
      const { err, code } = await cli(command, "cut.csv.gz", "--label", "y");
      expect(err).toMatch(new RegExp(`cut\\.csv\\.gz: the compressed file[^]*got: +${got}[^]*next: `));
      expect(code).toBe(1);
    }
  }
});

it("says which arguments it needs", async () => {
  const { err, code } = await cli("stats");
  expect(err).toContain("stats needs either a data file or --config");
  expect(code).toBe(1);
});
