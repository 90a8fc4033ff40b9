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

it("says which arguments it needs", async () => {
  const { err, code } = await cli("stats");
  expect(err).toContain("stats needs either a data file or --config");
  expect(code).toBe(1);
});
