import { expect, it } from "vitest";
import { chooseBackend } from "../backends/choose.js";
import type { DynamicSpec } from "../graph/translation.js";
import { loadKeys, savedKeys } from "./keyed-tables.js";

const IDS = 200_000;
const SPEC: DynamicSpec = {
  ...{ kind: "dynamic", capacity: 4, admit: { count: 3, counter: "exact" } },
  ...{ evict: { kind: "lru" }, unknown: "zero" },
};

it("counts of many ids that wait for a row are saved and restored", async () => {
  const { backend } = chooseBackend();
  const [translation, restored] = [backend.translation(SPEC), backend.translation(SPEC)];
  const header = translation.state().subarray(0, 8);
  const ids = Array.from({ length: IDS }, (_, id) => BigInt(id));
  // No keys; then the number of counters, their keys and their counts.
  translation.restore(BigInt64Array.from([...header, BigInt(IDS), ...ids, ...ids.map(() => 2n)]));
  const attrs = { name: "t", shape: [5, 1], role: "table", byKey: true, translation: "t" } as const;
  const tables = [{ attrs, memory: backend.allocate(5) }];
  const { model, optimizer, rows } = await savedKeys([{ state: "state", translation, tables } as never]);
  const saved = [...model, ...optimizer].map(([name, { data }]) => [name, data] as const);
  const arrays = new Map<string, unknown>([["t/keys", rows.get("t")!.content.keys!], ...saved]);
  const file = { read: async (name: string) => arrays.get(name), readInto: async () => undefined };
  const table = { state: "state", translation: restored, tables: [attrs] };
  await loadKeys(table, file as never, file as never);
  const [before, after] = [translation, restored].map((each) => Buffer.from(each.state().buffer));
  expect(before.length).toBeGreaterThan(16 * IDS);
  expect(after.equals(before)).toBe(true);
});
