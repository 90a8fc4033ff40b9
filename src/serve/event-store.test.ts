import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { resolveConfig } from "../config/config.js";
import type { RawRow } from "../features/encoder.js";
import { fitFeatures } from "../features/fit.js";
import { PreciseDate } from "../features/instant.js";
import { EventStore } from "./event-store.js";

function modelOf(limits: { window?: number; max?: number } = {}, by = "user") {
  const config = resolveConfig({
    data: {
      train: {
        path: "rows.csv",
        events: { clicks: { path: "events.csv", by, time: "at", ...limits } },
      },
      label: "y",
    },
    features: [
      { kind: "sequence", name: "items", sequence: "clicks", column: "clicks.item", hash: 9 },
      { kind: "ages", name: "ages", sequence: "clicks", column: "clicks.at", time: "at" },
    ],
    model: { kind: "logisticRegression", features: ["items"] },
  });
  return { config, features: fitFeatures(config.features, { vocabularies: {}, numbers: {} }) };
}

const UNITS = {
  numbers: (at: number) => at,
  dates: (at: number) => new Date(1000 * at),
  texts: (at: number) => new Date(1000 * at).toISOString(),
};

describe.each(Object.entries(UNITS))("a store of events with times in %s", (_, unit) => {
  it("gives the events before a row's time, as training does, in whatever order they come", () => {
    const moment = fc.record({ user: fc.constantFrom(1, "1", "b"), at: fc.integer({ min: 0, max: 6 }) });
    const limits = fc.record(
      { window: fc.constantFrom(1, 2.5), max: fc.constantFrom(1, 3) },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(fc.array(moment, { maxLength: 30 }), moment, limits, (moments, row, limit) => {
        const store = new EventStore(modelOf(limit), "clicks");
        const events = moments.map((event, item) => ({ ...event, item }));
        for (const event of events) store.add({ ...event, at: unit(event.at) });
        const { window = Infinity, max = Infinity } = limit;
        const known = events.filter(
          ({ user, at }) => String(user) === String(row.user) && at < row.at && row.at - at <= window,
        );
        const kept = known
          .sort((a, b) => a.at - b.at || a.item - b.item)
          .slice(-Math.min(max, events.length + 1));
        const asked = { ...row, at: unit(row.at) };
        expect(store.withHistory(asked)).toEqual({
          ...asked,
          "clicks.item": kept.map(({ item }) => item),
          "clicks.at": kept.map(({ at }) => unit(at)),
        });
      }),
    );
  });

  it("forgets what is old", () => {
    const store = new EventStore(modelOf(), "clicks");
    for (const at of [3, 1, 2]) store.add({ user: 1, at: unit(at), item: at });
    store.forgetBefore(unit(2));
    expect(store.withHistory({ user: 1, at: unit(9) })).toMatchObject({ "clicks.item": [2, 3] });
    store.forgetBefore(Number.POSITIVE_INFINITY);
    expect(store.withHistory({ user: 1, at: unit(9) })).toMatchObject({ "clicks.item": [] });
  });
});

it("has nothing for a row or of an event without a key or a time, and refuses what is no time", () => {
  const store = new EventStore(modelOf(), "clicks");
  for (const event of [
    { user: null, at: 1 },
    { user: "", at: 1 },
    { user: 1, at: null },
  ])
    store.add({ ...event, item: 1 });
  store.add({ user: 1, at: 1, item: 2 });
  expect(store.withHistory({ user: 1, at: null })).toMatchObject({ "clicks.item": [] });
  expect(store.withHistory({ user: null, at: 3 })).toMatchObject({ "clicks.item": [] });
  expect(store.withHistory({ user: 1, at: 3 })).toMatchObject({ "clicks.item": [2] });
  expect(() => store.add({ user: 1, at: "soon" })).toThrow(/the value of at is no time/);
  for (const name of ["views", "toString"])
    expect(() => new EventStore(modelOf(), name)).toThrow(/one of clicks/);
  const inherited = new EventStore(modelOf({}, "constructor"), "clicks");
  expect(() => inherited.add({ at: 1, item: 1 })).toThrow(/the column constructor is not in the row/);
  inherited.add({ constructor: 1, at: 1, item: 2 });
  expect(inherited.withHistory({ at: 3 })).toMatchObject({ "clicks.item": [] });
  expect(inherited.withHistory({ constructor: 1, at: 3 })).toMatchObject({ "clicks.item": [2] });
});

it.each<[string, unknown, RegExp]>([
  ["a key that is written in another way", { User: 1, at: 1, item: 1 }, /the column user is not in the row/],
  ["no time", { user: 1, item: 1 }, /the column at is not in the row/],
  [
    "no column of a feature",
    { user: 1, at: 1, Item: 1 },
    /item is not in the row[\s\S]*"Item" meant to be "item"/,
  ],
  [
    "a value that a feature cannot read",
    { user: 1, at: 1, item: { a: 1 } },
    /feature items cannot read the event/,
  ],
  ["a list in place of a value", { user: 1, at: 1, item: ["a"] }, /feature items cannot read the event/],
  ["a list of events", [{ user: 1, at: 1, item: 1 }], /a row is not an object/],
  ["a text", "click", /a row is not an object/],
])("refuses %s, and has the events before it", (_, event, message) => {
  const store = new EventStore(modelOf(), "clicks");
  store.add({ user: 1, at: 1, item: 3 });
  for (const use of [store.add, store.check]) expect(() => use.call(store, event as RawRow)).toThrow(message);
  expect(store.withHistory({ user: 1, at: 2 })["clicks.item"]).toEqual([3]);
});

it("has the keys of training: texts that mean nobody, white space, and numbers with a type", () => {
  const { config, features } = modelOf();
  const rules = { nullValues: ["NA"], trim: true as const, textTypes: { user: "BIGINT" } };
  const typed = resolveConfig({
    ...config,
    data: {
      ...config.data,
      train: {
        path: "rows.csv",
        events: {
          clicks: { path: "events.csv", by: "user", time: "at", trim: true, types: { user: "BIGINT" } },
        },
      },
    },
  });
  const store = new EventStore({ config: typed, features: { ...features, ...rules } }, "clicks");
  const users = ["NA", "07", " 7 ", 7, 7n];
  for (const [item, user] of users.entries()) store.add({ user, at: 1, item });
  const itemsOf = (user: unknown) => store.withHistory({ user, at: 2 })["clicks.item"];
  expect(itemsOf("NA")).toEqual([]);
  expect(() => itemsOf("x")).toThrow(/does not say whose history it is/);
  for (const user of ["7", "007 ", 7, 7n]) expect(itemsOf(user)).toEqual([1, 2, 3, 4]);
});

it.each([
  ["microseconds", "2001-01-31 08:15:00.250100", "2001-01-31 08:15:00.250900"],
  ["microseconds of files", new PreciseDate(1e12, 100), new PreciseDate(1e12, 900)],
  ["large integers", 1700000000000000004n, 1700000000000000005n],
  ["texts of large integers", "1700000000000000004", "1700000000000000005"],
])("tells times apart that differ in %s", (_, first, second) => {
  const store = new EventStore(modelOf({ window: 60 }), "clicks");
  store.add({ user: 1, at: first, item: 1 });
  store.add({ user: 1, at: second, item: 2 });
  expect(store.withHistory({ user: 1, at: second })["clicks.item"]).toEqual([1]);
  expect(store.withHistory({ user: 1, at: first })["clicks.item"]).toEqual([]);
});

it("reads times by the rules of training: texts that mean missing, white space, a decimal comma, and no infinities", () => {
  const { config, features } = modelOf({ window: 1.5 });
  const rules = { nullValues: ["NA"], trim: true, decimal: "," } as const;
  // The ages are those of texts without a decimal comma.
  const withoutAges = features.features.filter(({ name }) => name !== "ages");
  const [store, dates] = [1, 2].map(
    () => new EventStore({ config, features: { ...features, ...rules, features: withoutAges } }, "clicks"),
  );
  const { POSITIVE_INFINITY, NEGATIVE_INFINITY } = Number;
  const times = ["NA", POSITIVE_INFINITY, NEGATIVE_INFINITY, " 9,5 ", 11];
  for (const [item, at] of times.entries()) store.add({ user: 1, at, item });
  const itemsAt = (at: unknown) => store.withHistory({ user: 1, at })["clicks.item"];
  expect(["NA", POSITIVE_INFINITY, "11,5 ", "11,0", "9,5"].map(itemsAt)).toEqual([[], [], [4], [3], []]);
  for (const at of ["2026-01-31 08:15", " 2026-01-31T08:15:00Z "]) dates.add({ user: 2, at, item: at });
  expect(dates.withHistory({ user: 2, at: " 2026-01-31 08:15:01 " })["clicks.item"]).toHaveLength(2);
});

it.each(Object.keys(UNITS) as (keyof typeof UNITS)[])(
  "of times in %s refuses those of another unit",
  (kind) => {
    const store = new EventStore(modelOf(), "clicks");
    const [unit, other] = [UNITS[kind], kind === "numbers" ? UNITS.texts : UNITS.numbers];
    store.check({ user: 1, at: other(1), item: 1 });
    store.add({ user: 1, at: unit(1), item: 1 });
    store.add({ user: 1, at: null, item: 2 });
    for (const use of [store.add, store.check, store.withHistory])
      expect(() => use.call(store, { user: 1, at: other(9) })).toThrow(
        /the times of events are (dates|numbers)/,
      );
    expect(store.withHistory({ user: 1, at: unit(9) })).toMatchObject({ "clicks.item": [1] });
  },
);

it.each([2 ** 53, ["a"], { a: 1 }])("refuses the key %j, as an id feature does", (user) => {
  const store = new EventStore(modelOf(), "clicks");
  for (const use of [store.add, store.check, store.withHistory])
    expect(() => use.call(store, { user, at: 1, item: 1 })).toThrow(/does not say whose history it is/);
});

it.each([
  ["seconds", 1_700_000_000, 1_700_000_005_000],
  ["milliseconds", "1700000000000", 1_700_000_005],
  ["nanoseconds", 1_700_000_000_000_000_000n, 1_700_000_005_000],
])("of times in %s since 1970 refuses those of another unit", (unit, at, other) => {
  const store = new EventStore(modelOf(), "clicks");
  store.add({ user: 1, at, item: 1 });
  for (const use of [store.add, store.check, store.withHistory])
    for (const user of [1, 2])
      expect(() => use.call(store, { user, at: other })).toThrow(`numbers of ${unit} since 1970`);
  expect(store.withHistory({ user: 1, at: 12 })).toMatchObject({ "clicks.item": [] });
});

it.each([
  ["TIMESTAMP", "dates", UNITS.dates(1), 1],
  ["BIGINT", "numbers", 1, UNITS.dates(1)],
])("has times as the %s of training", (type, kind, at, other) => {
  const { config, features } = modelOf();
  const trained = { ...features, tableTypes: { "events/clicks": { at: type } } };
  const store = new EventStore({ config, features: trained }, "clicks");
  for (const use of [store.add, store.check, store.withHistory])
    expect(() => use.call(store, { user: 1, at: other })).toThrow(`the times of events are ${kind}`);
  store.add({ user: 1, at, item: 1 });
});

it("has numbers of the unit of training, and shares events with versions that have the same", () => {
  const [inSeconds, inMilliseconds] = (["seconds", "milliseconds"] as const).map((unit) => {
    const { config, features } = modelOf();
    return { config, features: { ...features, timeUnits: { clicks: unit } } };
  });
  const store = new EventStore(inSeconds, "clicks");
  for (const use of [store.add, store.check, store.withHistory])
    for (const at of [1_700_000_000_000, new Date()])
      expect(() => use.call(store, { user: 1, at })).toThrow("numbers of seconds since 1970");
  const row = { user: 1, at: 1_700_000_001 };
  const next = store.for(inSeconds);
  store.add({ user: 1, at: 1_700_000_000, item: 5 });
  expect(next.withHistory(row)).toMatchObject({ "clicks.item": [5] });
  expect(() => store.for(inMilliseconds)).toThrow("numbers of milliseconds since 1970");
});

it("has dates as training had, also where these were texts, and numbers of no unit beside those of one", () => {
  const trainedWith = (unit: "dates" | "numbers") => {
    const { config, features } = modelOf();
    const tableTypes = { "events/clicks": { at: "VARCHAR" } };
    return new EventStore(
      { config, features: { ...features, tableTypes, timeUnits: { clicks: unit } } },
      "clicks",
    );
  };
  const dates = trainedWith("dates");
  for (const at of [1_700_000_000_000, "1700000000000", 1_700_000_000_000_000n])
    expect(() => dates.add({ user: 1, at, item: 1 })).toThrow("the times of events are dates");
  dates.addAll([{ user: 1, at: "2026-01-31", item: 1 }]);
  const numbers = trainedWith("numbers");
  expect(() => numbers.add({ user: 1, at: new Date(), item: 1 })).toThrow("the times of events are numbers");
  numbers.addAll([{ user: 1, at: 5, item: 1 }]);
});
