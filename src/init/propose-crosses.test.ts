import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { draw, drawKey, drawUnit } from "../random.js";
import { initConfig } from "./init-config.js";

/* Users like items of their own parity: a pair of ids tells the label, neither alone does. */

const folder = mkdtempSync(join(tmpdir(), "pairloom-crosses-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const ROWS = 8_000;
const KEY = drawKey(3, 0, 0);

/** @param likes whether the label of a row follows the parity; otherwise it is drawn */
async function proposed(name: string, likes: (row: number) => boolean) {
  const lines = Array.from({ length: ROWS }, (_, row) => {
    const [user, item, place] = [10, 14, 6].map((values, i) => draw(KEY, 4 * row + i) % values);
    const rate = likes(row) ? ((user + item) % 2 === 0 ? 0.8 : 0.2) : 0.5;
    const day = new Date(Date.UTC(2024, 0, 1) + 3_600_000 * row).toISOString();
    return `u${user},i${item},p${place},${day},${drawUnit(KEY, 4 * row + 3) < rate ? "yes" : "no"}`;
  });
  const path = join(folder, name);
  writeFileSync(path, ["user,item,place,created_at,clicked", ...lines, ""].join("\n"));
  return (await initConfig({ path, label: "clicked" })).proposal;
}

it("proposes the cross of the columns that act together, and nothing else", async () => {
  const { config, crosses, notes } = await proposed("all.csv", () => true);
  const features = config.features as readonly { name: string; columns?: readonly string[] }[];
  expect(crosses.map(({ column }) => column)).toEqual(["user x item"]);
  expect(features.filter(({ columns }) => columns)).toEqual([
    { kind: "id", name: "user_x_item", columns: ["user", "item"], vocabulary: { minCount: 2 } },
  ]);
  const at = features.findIndex(({ name }) => name === "user_x_item");
  // An ideal model gains log 2 minus the entropy of 0.8: 0.19 nats per row.
  const gain = Number(notes.get(`features[${at}]`)?.[0].match(/falls by (.*)$/)?.[1]);
  expect(gain).toBeGreaterThan(0.15);
  expect(gain).toBeLessThan(0.21);
});

it("never looks at the rows that the model will be measured on", async () => {
  // The split is by time: the last fifth of the rows is for validation and test.
  const { crosses, split } = await proposed("late.csv", (row) => row >= 0.8 * ROWS);
  expect(split.split).toMatchObject({ time: "created_at", valid: 0.1, test: 0.1 });
  expect(crosses).toEqual([]);
});
