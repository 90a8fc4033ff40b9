import type { Config } from "../config/config.js";
import { ConfigError, DataError } from "../errors.js";
import { canonicalText, refusalOfText } from "../features/canonical.js";
import { cellReader, createEncoder, type Encoder, type RawRow, valueIn } from "../features/encoder.js";
import {
  eventsTable,
  type FittedFeatures,
  statedRules,
  type TextRules,
  textRulesOf,
} from "../features/fitted.js";
import { type EpochUnit, epochUnit, instantOf, microsecondsWithin } from "../features/instant.js";
import { type RefusalCode, refusalText } from "../features/refusal.js";
import { isInstantType } from "../features/sql-types.js";
import { numberValue, trimmedText } from "../features/values.js";
import { ownValue } from "../own-value.js";
import { showValue } from "../show-value.js";
import { refuseOtherRows, refuseRowsWithout } from "./rows.js";

/** What the store needs to know of a model: a predictor has it. */
export interface EventsModel {
  readonly config: Config;
  readonly features: FittedFeatures;
}

type EventTable = NonNullable<NonNullable<Config["data"]["source"]>["events"]>[string];

/** Milliseconds since 1970, or numbers of the unit of training; large integers are exact. */
type Time = number | bigint;

/** Whose a row or an event is, and its time. */
interface Moment {
  readonly key: string;
  readonly time: Time;
  /** True for milliseconds since 1970, where a unit of the window is a second; false for a number, where it is 1. */
  readonly isDate: boolean;
}

/** An event of somebody. */
interface Owned {
  readonly event: RawRow;
  readonly moment: Moment;
}

/** Undefined without a key or a time. @throws DataError if one of them has a value that is none */
type MomentReader = (row: RawRow) => Moment | undefined;

/** The events of one key, oldest first; of equal times in the order in which they came. */
interface Timeline {
  readonly times: Time[];
  readonly events: RawRow[];
}

/** Events that features read at once, to check them. */
const CHECKED_TOGETHER = 1000;

/** The events of all keys, which versions of a model share. */
interface Timelines {
  readonly byKey: Map<string, Timeline>;
  /** True if the times of all events are dates, false if all are numbers; undefined if neither training nor an event says so. */
  areDates?: boolean;
  /** The unit of times that are numbers, where training or one of them tells it. */
  unit?: EpochUnit;
}

/**
 * Events in memory, from which rows get the histories that they had in training: of the same key, before the row's own time, within
 * the window, and the newest of them. Time and memory of a row follow the number of events that it gets.
 */
export class EventStore {
  private readonly table: EventTable;
  /** By column of rows, the column of events. */
  private readonly columns: ReadonlyMap<string, string>;
  /** The columns that an event has: whose it is, when, and what features read. */
  private readonly needed: readonly string[];
  /** Of the features that read the events, and of rows nothing but their time. */
  private readonly encoder: Encoder;
  private readonly momentOfRow: MomentReader;
  private readonly momentOfEvent: MomentReader;
  private timelines: Timelines;

  /**
   * @param model whose config builds the sequence from a table of events
   * @throws ConfigError if it does not
   */
  constructor(
    { config, features: fitted }: EventsModel,
    private readonly sequence: string,
  ) {
    const { source, train } = config.data;
    const tables = (source ?? train)?.events ?? {};
    if (!Object.hasOwn(tables, sequence)) throw noTable(sequence, Object.keys(tables));
    this.table = tables[sequence];
    const prefix = `${sequence}.`;
    const { types: textTypes, nullValues = [], ...stated } = this.table;
    const trained = { ...textRulesOf(fitted), textTypes: undefined };
    const known = [...(fitted.nullValues ?? []), ...nullValues];
    const ofEvents = { ...trained, ...statedRules({ ...stated, nullValues: known }), textTypes };
    const trainedUnit = ownValue(fitted.timeUnits ?? {}, sequence);
    const areDates =
      trainedUnit === undefined ? datesOfTraining(fitted, sequence, this.table) : trainedUnit === "dates";
    const unit = trainedUnit === "dates" || trainedUnit === "numbers" ? undefined : trainedUnit;
    this.timelines = { byKey: new Map(), areDates, unit };
    this.momentOfRow = momentReader(this.table, fitted);
    this.momentOfEvent = momentReader(this.table, ofEvents);
    const own = fitted.features
      .flatMap(({ reading }) => reading.columns)
      .filter((column) => column.startsWith(prefix));
    this.columns = new Map(own.map((column) => [column, column.slice(prefix.length)]));
    const { by, time } = this.table;
    this.needed = [...new Set([by, time, ...this.columns.values()])];
    const isOwn = (column: string) => this.columns.has(column) || column === time;
    const alone = fitted.features.filter(({ reading: { columns, derivation } }) => {
      const readsFeatures = derivation?.inputs.some((input) => "feature" in input) ?? false;
      return !readsFeatures && columns.every(isOwn) && columns.some((column) => this.columns.has(column));
    });
    this.encoder = createEncoder({ ...fitted, features: alone }, { reuses: true });
  }

  /** The columns of rows that say whose history it is, and until when. */
  get moment(): readonly [by: string, time: string] {
    return [this.table.by, this.table.time];
  }

  /** The columns of rows that the store gives. */
  get columnNames(): readonly string[] {
    return [...this.columns.keys()];
  }

  /** A store of the same events for another version of the model: events that are added to one are in both. */
  for(model: EventsModel): EventStore {
    const store = new EventStore(model, this.sequence);
    if (store.readsAs(this)) store.timelines = this.timelines;
    else for (const { events } of this.timelines.byKey.values()) store.addAll(events);
    return store;
  }

  /** True if the events of the other store have the same keys and times here. */
  private readsAs({ table, timelines }: EventStore): boolean {
    const { areDates = timelines.areDates, unit = timelines.unit } = this.timelines;
    const hasDates = areDates === (timelines.areDates ?? areDates);
    const hasUnit = unit === (timelines.unit ?? unit);
    return table.by === this.table.by && table.time === this.table.time && hasDates && hasUnit;
  }

  /**
   * Adds an event, in any order. One whose key or time is null belongs to nobody.
   * @throws DataError if it lacks a column, if its time is none or a number where those of others are dates, or if a feature cannot
   * read it
   */
  add(event: RawRow): void {
    this.addAll([event]);
  }

  /** {@link add} for many, which are checked together. @throws DataError for one that it refuses */
  addAll(events: Iterable<RawRow>): void {
    const owned = this.owned(Array.from(events));
    for (let i = 0; i < owned.length; i += CHECKED_TOGETHER)
      this.refuseUnread(owned.slice(i, i + CHECKED_TOGETHER));
    for (const each of owned) this.insert(each);
  }

  /** @throws DataError for an event that {@link add} refuses */
  check(event: RawRow): void {
    this.refuseUnread(this.owned([event]));
  }

  /** The events that belong to somebody. @throws DataError for one without a column or with another time */
  private owned(events: readonly RawRow[]): Owned[] {
    const where = `events of ${this.sequence}`;
    refuseOtherRows(events, this.needed, where);
    const owned = events.flatMap((event) => {
      const moment = this.momentOfEvent(event);
      if (moment) this.refuseOther(moment, event);
      return moment ? [{ event, moment }] : [];
    });
    refuseRowsWithout(events, this.needed, where);
    return owned;
  }

  /** What a feature cannot read would refuse every later request of the key. */
  private refuseUnread(events: readonly Owned[]): void {
    const { time } = this.table;
    const rows = events.map(({ event }) => {
      const lists = this.columnNames.map((name) => [name, this.valuesOf([event], name)]);
      return { [time]: valueIn(event, time), ...Object.fromEntries(lists) };
    });
    const [bad] = this.encoder.encode(rows).bad;
    if (!bad) return;
    throw new DataError({
      what: `the feature ${bad.feature} cannot read the event`,
      where: `events of ${this.sequence}`,
      got: `${showValue(events[bad.row].event)} (${bad.reason})`,
      expected: "values as in the training data",
      next: "Correct the event: with it, every later request of its key would be refused.",
    });
  }

  private insert({ event, moment }: Owned): void {
    // The first of several may have said what times are.
    this.refuseOther(moment, event);
    const { key, time, isDate } = moment;
    this.timelines.areDates = isDate;
    if (!isDate) this.timelines.unit ??= epochUnit(time);
    const { times, events } = this.timelines.byKey.get(key) ?? { times: [], events: [] };
    const at = firstAbove(times, time);
    times.splice(at, 0, time);
    events.splice(at, 0, event);
    this.timelines.byKey.set(key, { times, events });
  }

  /** Numbers have another unit than dates, and seconds another than milliseconds: those of files have one type and one unit. */
  private refuseOther({ time, isDate }: Moment, row: RawRow): void {
    const { areDates = isDate, unit } = this.timelines;
    const other = isDate ? undefined : epochUnit(time);
    const isOtherUnit = unit !== undefined && other !== undefined && other !== unit;
    if (isDate === areDates && !isOtherUnit) return;
    const kind = areDates ? "dates" : unit ? `numbers of ${unit} since 1970` : "numbers";
    throw new DataError({
      what: `the times of events are ${kind}, and this one is not`,
      where: this.table.time,
      got: showValue(row[this.table.time]),
      expected: `one of the ${kind}, as in training and before`,
      next: "Give all times as in the training data.",
    });
  }

  /** Forgets the events before a time, which no row needs any more. */
  forgetBefore(time: unknown): void {
    const limit =
      typeof time === "number" ? time : (timeOf(time, this.table.time) ?? Number.NEGATIVE_INFINITY);
    for (const [key, { times, events }] of this.timelines.byKey) {
      const count = firstAtLeast(times, limit);
      times.splice(0, count);
      events.splice(0, count);
      if (times.length === 0) this.timelines.byKey.delete(key);
    }
  }

  /**
   * The row with its history, in the columns that the features read.
   * @throws DataError if its time is none
   */
  withHistory<Row extends RawRow>(row: Row): Row & RawRow {
    const events = this.historyOf(row);
    const lists = this.columnNames.map((name) => [name, this.valuesOf(events, name)]);
    return { ...row, ...Object.fromEntries(lists) };
  }

  /** What events have in a column of rows. */
  valuesOf(events: readonly RawRow[], name: string): unknown[] {
    const column = this.columns.get(name)!;
    return events.map((event) => valueIn(event, column));
  }

  /**
   * The events of a row, oldest first.
   * @throws DataError if its time is none, or a number where those of events are dates
   */
  historyOf(row: RawRow): readonly RawRow[] {
    const moment = this.momentOfRow(row);
    if (moment === undefined) return [];
    this.refuseOther(moment, row);
    const timeline = this.timelines.byKey.get(moment.key);
    if (timeline === undefined) return [];
    const { time, isDate } = moment;
    const { window = Number.POSITIVE_INFINITY, max = Number.POSITIVE_INFINITY } = this.table;
    const begin = firstAtLeast(timeline.times, before(time, (isDate ? 1000 : 1) * window));
    const end = firstAtLeast(timeline.times, time);
    return timeline.events.slice(Math.max(begin, end - max), end);
  }
}

/** Whether the times of events were dates in training; undefined where they were texts, which may be either. */
function datesOfTraining({ tableTypes = {} }: TextRules, sequence: string, { time }: EventTable) {
  const type = ownValue(ownValue(tableTypes, eventsTable(sequence)) ?? {}, time);
  if (type === undefined || type === "VARCHAR" || type === "NULL") return undefined;
  return isInstantType(type);
}

/** @param rules what texts mean in training */
function momentReader({ by, time }: EventTable, rules: TextRules): MomentReader {
  const readKey = cellReader(rules);
  // Of any type that has times: one that is finer than the type of the column is still before or after others.
  const readTime = cellReader({ ...rules, textTypes: undefined });
  return (row) => {
    const [owner, given] = [valueIn(row, by), valueIn(row, time)];
    const key = canonicalText(readKey ? readKey(owner, by, { as: "other" }) : owner);
    const value = readTime ? readTime(given, time, { as: "number" }) : given;
    const found = timeOf(value, time);
    const refusal = key === undefined ? 0 : refusalOfText(key);
    if (refusal !== 0) throw noKey(owner, by, refusalText(refusal as RefusalCode));
    if (key === undefined || found === undefined) return undefined;
    return { key, time: found, isDate: !isNumber(value) };
  };
}

/** It would be an event of nobody, or a row without a history. */
function noKey(value: unknown, column: string, expected: string): DataError {
  return new DataError({
    what: `the value of ${column} does not say whose history it is`,
    where: column,
    got: showValue(value),
    expected: `a text or an integer: not ${expected}`,
    next: "Send an id as it stands in the events, as a text or a BigInt.",
  });
}

const isNumber = (value: unknown) => !(value instanceof Date) && !Number.isNaN(numberValue(value));

function before(time: Time, ticks: number): Time {
  return typeof time === "number" || !Number.isFinite(ticks)
    ? Number(time) - ticks
    : time - BigInt(Math.floor(ticks));
}

/** Dates, timestamps and their texts in milliseconds, to the microsecond; numbers as they are. */
function timeOf(value: unknown, column: string): Time | undefined {
  if (value === null || value === undefined || (typeof value === "string" && trimmedText(value) === ""))
    return undefined;
  if (typeof value === "bigint" || (typeof value === "string" && /^\s*[+-]?\d{16,}\s*$/.test(value)))
    return BigInt(value);
  const number = value instanceof Date ? Number.NaN : (numberValue(value) ?? Number.NaN);
  const found = Number.isNaN(number) ? instantIn(value) : number;
  if (Number.isFinite(found)) return found;
  if (typeof value !== "string") return undefined;
  throw new DataError({
    what: `the value of ${column} is no time`,
    where: column,
    got: showValue(value),
    expected: "a Date, a text such as 2026-01-31T08:15:00Z, or a number of the unit of training",
    next: "Give the time as in the training data, or null if it is not known.",
  });
}

function instantIn(value: unknown): number {
  if (typeof value !== "string" && !(value instanceof Date)) return Number.NaN;
  const milliseconds = typeof value === "string" ? instantOf(value) : value.getTime();
  return milliseconds + microsecondsWithin(value) / 1000;
}

/** The number of ascending times below a limit. */
const firstAtLeast = (times: readonly Time[], limit: Time) => search(times, (time) => time < limit);
/** The number of ascending times up to a limit. */
const firstAbove = (times: readonly Time[], limit: Time) => search(times, (time) => time <= limit);

function search(times: readonly Time[], isBefore: (time: Time) => boolean): number {
  let [low, high] = [0, times.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (isBefore(times[middle])) low = middle + 1;
    else high = middle;
  }
  return low;
}

function noTable(sequence: string, known: readonly string[]): ConfigError {
  return new ConfigError({
    what: "the model has no such table of events",
    where: "EventStore",
    got: sequence,
    expected: known.length === 0 ? "a model with events in its source" : `one of ${known.join(", ")}`,
    next: "Name a sequence in events of the source that the model was trained with.",
  });
}
