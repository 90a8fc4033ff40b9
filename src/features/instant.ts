/** Points in time from texts, the same for every reader of data. */

/**
 * A date, or a date and a time: `2001-06-18`, `2001-06-18 08:15`, `2001-06-18T08:15:00.250Z`, `2001-06-18 08:15:00+02:00`.
 * Years after 9999 have a sign and six digits.
 * Also a regular expression of RE2, for SQL.
 */
export const ISO_TIME =
  /^(\d{4}|[+-]\d{6})-(\d{2})-(\d{2})(?:[T ]([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d)(?:\.(\d{1,9}))?(Z|[+-]\d{2}(?::?\d{2})?)?)?)?$/;

/** Milliseconds since 1970 in UTC, of a text that {@link ISO_TIME} matches; NaN of any other. Without a zone it is UTC. */
export function instantOf(text: string): number {
  const match = ISO_TIME.exec(text);
  if (!match) return Number.NaN;
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map((part) => Number(part ?? 0));
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return Number.NaN;
  const [fraction = "", zone = "Z"] = match.slice(7);
  const seconds = (hour * 60 + minute - offsetMinutes(zone)) * 60 + second;
  return date.getTime() + seconds * 1000 + Number(fraction.slice(0, 3).padEnd(3, "0"));
}

/** A Date with its microseconds, from 0 to 999, which compare; features read times to the millisecond. */
export class PreciseDate extends Date {
  constructor(
    milliseconds: number,
    readonly microseconds: number,
  ) {
    super(milliseconds);
  }
}

/** The microseconds of a text beyond its {@link instantOf}, or of a Date, from 0 to 999; finer digits do not count. */
export function microsecondsWithin(time: string | Date): number {
  if (time instanceof Date) return time instanceof PreciseDate ? time.microseconds : 0;
  const fraction = ISO_TIME.exec(time)?.[7] ?? "";
  return Number(fraction.slice(3, 6).padEnd(3, "0"));
}

/** Units of time since 1970, and how many of them are a second. */
const UNITS = { seconds: 1, milliseconds: 1e3, microseconds: 1e6, nanoseconds: 1e9 };
/** Seconds since 1970 of days in 1973 and 2286: ten times fewer are no such time in any unit. */
const [EARLIEST, LATEST] = [1e8, 1e10];

export type EpochUnit = keyof typeof UNITS;
const EPOCH_UNITS = Object.keys(UNITS) as EpochUnit[];

/** What times were in training: dates, numbers since 1970 in a unit, or other numbers. */
export type TimeUnit = (typeof TIME_UNITS)[number];
export const TIME_UNITS = ["dates", "numbers", ...EPOCH_UNITS] as const;

/** The unit in which a number is a time between 1973 and 2286; `undefined` for a number that is none in any. */
export function epochUnit(time: number | bigint): EpochUnit | undefined {
  return EPOCH_UNITS.find(
    (name) => Number(time) >= EARLIEST * UNITS[name] && Number(time) < LATEST * UNITS[name],
  );
}

/** `+05:30` is 330, `Z` is 0. */
function offsetMinutes(zone: string): number {
  const hours = Number(zone.slice(1, 3));
  const minutes = Number(zone.slice(3).replace(":", ""));
  return (zone.startsWith("-") ? -1 : 1) * (hours * 60 + minutes);
}
