import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { draw, drawKey } from "../src/random.js";
import { cli, csv, jsonLines, makeWorld, newestTensors, rows, smallConfig, type World } from "./cli-world.js";

/** `data.cursor`: the rows above the last value are new. Which ones they are is counted here row by row. */

let world: World;
beforeEach(() => {
  world = makeWorld();
});
afterEach(() => world.remove());

/** A value of the column: its place in the order, or undefined for a row without one. */
type Place = number | undefined;

/** How a place is written. Neighbours differ in the last digit that the kind keeps. */
const KINDS: Record<string, (place: number) => string> = {
  "small integers": (place) => String(place - 20),
  "integers above 2^53": (place) => String(2n ** 53n + BigInt(place)),
  fractions: (place) => String(place / 8 - 3),
  dates: (place) => new Date(Date.UTC(2025, 11, 20 + place)).toISOString().slice(0, 10),
  "timestamps with microseconds": (place) => `2026-03-01 12:00:00.${String(999_900 + place)}`,
  // The same instants written in two zones.
  "timestamps with zones": (place) => {
    const [time, zone] =
      place % 2 ? [Date.UTC(2026, 0, 1, 23, place), "Z"] : [Date.UTC(2026, 0, 2, 1, place), "+02:00"];
    return new Date(time).toISOString().replace("Z", zone);
  },
};

const COLUMN = "at";

function fileOf(places: readonly Place[], write: (place: number) => string, first = 0): string {
  const [head, ...lines] = csv(rows(first + places.length))
    .trim()
    .split("\n");
  const withValue = lines
    .slice(first)
    .map((line, i) => `${line},${places[i] === undefined ? "" : write(places[i])}`);
  return `${[`${head},${COLUMN}`, ...withValue].join("\n")}\n`;
}

function configOf(name: string, cursor?: string, source: object = {}): void {
  const config = smallConfig();
  config.data = {
    train: { path: `${name}/*.csv`, ...source },
    label: "clicked",
    cacheDir: `${name}-cache`,
    ...(cursor && { cursor }),
  };
  config.train.epochs = 1;
  world.write(`${name}.json`, JSON.stringify(config));
}

const goOn = (name: string) => cli("train", `${name}.json`, "--run", `${name}-run`, "--continue");
const logged = () => jsonLines("rows-run/stretches.jsonl");

async function train(name: string): Promise<void> {
  const { code, err } = await cli("train", `${name}.json`, "--run", `${name}-run`);
  expect([code, code === 0 ? "" : err]).toEqual([0, ""]);
}

/** The places of the rows of each call; later ones have rows below, at and above the last value, and rows without one. */
function placesOfCalls(kind: number): Place[][] {
  const key = drawKey(3, kind, 0);
  const between = (index: number, from: number, to: number) => from + (draw(key, index) % (to - from));
  return Array.from({ length: 5 }, (_, call) => {
    const count = call === 0 ? 40 : 24;
    // The third call has late rows only.
    const [from, to] = call === 2 ? [0, 22] : [call * 8, call * 8 + 16];
    return Array.from({ length: count }, (_, i) => {
      const place = between(call * 100 + i, Math.max(0, from), to);
      return draw(key, 1000 + call * 100 + i) % 9 === 0 ? undefined : Math.min(place, 90);
    });
  });
}

describe.each(Object.entries(KINDS).map(([name, write], i) => ({ name, write, i })))(
  "a cursor of $name",
  ({ write, i }) => {
    it("reads each row above the last value once, and counts the late ones", async () => {
      const calls = placesOfCalls(i);
      configOf("rows", COLUMN);
      world.write("rows/a.csv", fileOf(calls[0], write));
      await train("rows");
      let last = Math.max(...calls[0].filter((place) => place !== undefined));
      let below: number[] = [];
      const expected: object[] = [];
      for (const [call, places] of calls.entries()) {
        if (call === 0) continue;
        world.write("rows/a.csv", fileOf(calls.slice(0, call + 1).flat(), write));
        const present = places.filter((place) => place !== undefined);
        below = [...below, ...present.filter((place) => place <= last)];
        const fresh = present.filter((place) => place > last);
        const [late, lateEqual] = [below.length, below.filter((place) => place === last).length];
        const { code, err } = await goOn("rows");
        expect([code, code === 0 ? "" : err]).toEqual([0, ""]);
        if (late > 0)
          expect(err).toMatch(
            new RegExp(
              `${late} rows? came too late.*: ${lateEqual} with the last value read, ${late - lateEqual} below`,
            ),
          );
        if (fresh.length === 0) {
          expect(err).toContain("There are no new rows.");
          continue;
        }
        expected.push({ rows: fresh.length, late, lateEqual });
        [last, below] = [Math.max(...fresh), []];
      }
      expect(logged().map(({ rows, reads: { late, lateEqual } }) => ({ rows, late, lateEqual }))).toEqual(
        expected,
      );
      expect(expected.length).toBeGreaterThan(2);
    });
  },
);

it("trains with the bytes of new files that have the same rows", async () => {
  const write = KINDS["integers above 2^53"];
  const places = Array.from({ length: 300 }, (_, i) => (i * 7) % 100);
  const old = places.map((place, i) => (place < 60 ? i : -1)).filter((i) => i >= 0);
  const fresh = places.map((place, i) => (place >= 60 ? i : -1)).filter((i) => i >= 0);
  const [head, ...lines] = fileOf(places, write).trim().split("\n");
  const part = (numbers: readonly number[]) => `${[head, ...numbers.map((i) => lines[i])].join("\n")}\n`;
  for (const [name, cursor, later] of [
    ["rows", COLUMN, part([...fresh.slice(0, 50), ...old, ...fresh.slice(50)])],
    ["files", undefined, part(fresh)],
  ] as const) {
    configOf(name, cursor);
    world.write(`${name}/a.csv`, part(old));
    await train(name);
    world.write(cursor ? `${name}/a.csv` : `${name}/b.csv`, later);
    expect((await goOn(name)).code).toBe(0);
  }
  expect(logged().map(({ rows }) => rows)).toEqual([fresh.length]);
  expect(newestTensors("rows-run")).toEqual(newestTensors("files-run"));
});

it("computes the column in sql with the types of training, and quarantines a row that has another", async () => {
  configOf("rows", "day", { sql: `SELECT *, date_trunc('day', "${COLUMN}") AS day FROM source` });
  const timeOf = (place: number) => (place < 0 ? "n/a" : `2026-01-${10 + place} 12:00:00`);
  const old = Array.from({ length: 40 }, (_, i) => i % 5);
  world.write("rows/a.csv", fileOf(old, timeOf));
  await train("rows");
  world.write("rows/a.csv", fileOf([...old, 5, 6, -1, 7], timeOf));
  const { code, err } = await goOn("rows");
  expect([code, err]).toEqual([0, expect.stringContaining("3 rows, 1 quarantined")]);
  expect(logged()).toMatchObject([{ rows: 3, quarantined: 1, reads: { late: 0 } }]);
});

it.each([
  ["texts", (place: number) => `v${place}`],
  ["no column", undefined],
])("refuses a cursor without an order: %s", async (_, write) => {
  configOf("rows", write ? COLUMN : "elsewhere");
  world.write(
    "rows/a.csv",
    fileOf(
      Array.from({ length: 40 }, (_, i) => i),
      write ?? String,
    ),
  );
  const { code, err } = await cli("train", "rows.json", "--run", "rows-run");
  expect(code).toBe(1);
  expect(err).toContain("data.cursor");
});
