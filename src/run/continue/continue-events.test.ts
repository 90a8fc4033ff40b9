import { mkdirSync, writeFileSync } from "node:fs";
import { expect, it } from "vitest";
import { findLatest } from "../../checkpoint/index.js";
import { numbersOf } from "../../checkpoint/testing.js";
import { resolveConfig } from "../../config/config.js";
import { trainRun } from "../train-run.js";
import { continueRun } from "./continue-run.js";
import { inTemporaryFolder, runIn } from "./testing.js";

/* A run that goes on with histories from a table of events learns what one with the same histories in its rows learns. */

inTemporaryFolder();

type Kind = "events" | "lists";

function config(kind: Kind) {
  const events = { clicks: { path: "clicks.csv", by: "user", time: "at", max: 4 } };
  return resolveConfig({
    data: {
      train: { path: `${kind}/*.csv`, ...(kind === "events" && { events }) },
      label: "clicked",
      cacheDir: `${kind}/cache`,
    },
    features: [
      { kind: "id", name: "item", hash: 40 },
      {
        kind: "sequence",
        name: "seen",
        sequence: "clicks",
        column: kind === "events" ? "clicks.item" : "history",
        separator: "|",
        max: 4,
        embedding: "item",
        hash: 40,
      },
    ],
    model: {
      kind: "mlp",
      features: ["item"],
      embeddingDim: 4,
      mlp: { hiddenUnits: [6] },
      sequences: [{ kind: "din", query: ["item"], columns: ["seen"], mlp: { hiddenUnits: [4] } }],
    },
    train: { batchSize: 16, epochs: 1, checkpoint: { every: 2 } },
  });
}

const clicks = Array.from({ length: 200 }, (_, i) => ({ user: i % 7, at: i, item: `i${(i * i) % 11}` }));

/** Rows of a day in which clicks happen, with the last four clicks before each. */
function writeDay(day: number): void {
  const rows = Array.from({ length: 64 }, (_, i) => {
    const [user, at] = [(i * 3) % 7, 100 * day + ((i * 13) % 100)];
    const known = clicks.filter((click) => click.user === user && click.at < at).slice(-4);
    const history = known.map(({ item }) => item).join("|");
    return { text: `${user},${at},i${i % 11},${(i * day + i) % 2}`, history };
  });
  const lines = rows.map(({ text }) => text);
  writeFileSync(`events/${day}.csv`, ["user,at,item,clicked", ...lines].join("\n"));
  const withLists = rows.map(({ text, history }) => `${text},${history}`);
  writeFileSync(`lists/${day}.csv`, ["user,at,item,clicked,history", ...withLists].join("\n"));
}

/** The table of events has what happened until the end of a day. */
const writeClicks = (day: number) =>
  writeFileSync(
    "clicks.csv",
    [
      "user,at,item",
      ...clicks.slice(0, 100 * (day + 1)).map(({ user, at, item }) => `${user},${at},${item}`),
    ].join("\n"),
  );

it("as of the time of each row, also where the table has grown since", async () => {
  const kinds: readonly Kind[] = ["events", "lists"];
  const run = (kind: Kind) => runIn(kind, config(kind));
  for (const kind of kinds) mkdirSync(kind);
  writeClicks(0);
  writeDay(0);
  for (const kind of kinds) await trainRun({ ...run(kind), resume: false, baselines: false });
  writeClicks(1);
  writeDay(1);
  for (const kind of kinds) await continueRun(run(kind));
  const [events, lists] = await Promise.all(
    kinds.map(async (kind) => (await findLatest(`${kind}/run`)).checkpoint!),
  );
  expect(events.manifest.step).toBe(8);
  expect(await numbersOf(events)).toEqual(await numbersOf(lists));
});
