/** Dates as people and programs write them, beside ISO 8601. */

/** The formats of days, for DuckDB's strptime. Where several fit, the first one counts: the month is before the day. */
const DAYS = [
  ...["%m/%d/%Y", "%d/%m/%Y", "%d.%m.%Y", "%d-%m-%Y", "%Y/%m/%d", "%Y%m%d"],
  ...["%d-%b-%Y", "%d %b %Y", "%b %d, %Y", "%d %B %Y", "%B %d, %Y"],
];
const TIMES = ["", " %H:%M:%S", " %H:%M", " %I:%M:%S %p", " %I:%M %p"];
const WHOLE = ["%Y%m%d%H%M%S", "%a, %d %b %Y %H:%M:%S GMT", "%a %b %d %H:%M:%S %Y", "%d/%b/%Y:%H:%M:%S"];

const MONTHS = [
  ...["January", "February", "March", "April", "May", "June", "July", "August", "September"],
  ...["October", "November", "December"],
];
const SHORT_MONTHS = MONTHS.map((name) => name.slice(0, 3));

/** What each part of a format matches; the names of the groups are those of {@link Parts}. */
const PATTERNS: Readonly<Record<string, string>> = {
  "%Y": "(?<year>\\d{4})",
  "%m": "(?<month>\\d{1,2})",
  "%b": `(?<name>${SHORT_MONTHS.join("|")})`,
  "%B": `(?<name>${MONTHS.join("|")})`,
  "%d": "(?<day>\\d{1,2})",
  "%a": "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)",
  "%H": "(?<hour>\\d{1,2})",
  "%I": "(?<hour>\\d{1,2})",
  "%M": "(?<minute>\\d{2})",
  "%S": "(?<second>\\d{2})",
  "%p": "(?<half>AM|PM)",
};

type Parts = Readonly<
  Partial<Record<"year" | "month" | "name" | "day" | "hour" | "minute" | "second" | "half", string>>
>;

interface Format {
  readonly format: string;
  readonly pattern: RegExp;
}

const FORMATS: readonly Format[] = [...DAYS.flatMap((day) => TIMES.map((time) => day + time)), ...WHOLE].map(
  (format) => ({ format, pattern: new RegExp(`^${patternOf(format)}$`, "i") }),
);

function patternOf(format: string): string {
  const pattern = format.replace(/[./]/g, "\\$&").replace(/%[A-Za-z]/g, (part) => PATTERNS[part]);
  // Without separators, each part has all its digits.
  return format.startsWith("%Y%m%d") ? pattern.replaceAll("{1,2}", "{2}") : pattern;
}

/**
 * The first format that all texts have (or the one named, if they have it), and the times in milliseconds since 1970;
 * undefined if none fits.
 */
export function dateFormatOf(
  texts: readonly string[],
  format?: string,
): { format: string; times: number[] } | undefined {
  for (const each of FORMATS) {
    if ((format !== undefined && each.format !== format) || !each.pattern.test(texts[0])) continue;
    const times = texts.map((text) => timeOf(text, each.pattern));
    if (times.every(Number.isFinite)) return { format: each.format, times };
  }
  return undefined;
}

function timeOf(text: string, pattern: RegExp): number {
  const parts: Parts | undefined = pattern.exec(text)?.groups;
  if (!parts) return Number.NaN;
  const [year, day] = [Number(parts.year), Number(parts.day)];
  const month = monthOf(parts);
  const [hour, minute, second] = [hourOf(parts), Number(parts.minute ?? 0), Number(parts.second ?? 0)];
  const time = Date.UTC(year, month, day, hour, minute, second);
  const isReal = new Date(time).getUTCMonth() === month && year >= 1900 && year <= 2100;
  return isReal && hour < 24 && minute < 60 && second < 60 ? time : Number.NaN;
}

/** From 0. */
function monthOf({ month, name }: Parts): number {
  if (name === undefined) return Number(month) - 1;
  return SHORT_MONTHS.findIndex((each) => each.toLowerCase() === name.slice(0, 3).toLowerCase());
}

/** From 0; 12 AM is midnight. */
function hourOf({ hour = "0", half }: Parts): number {
  if (half === undefined) return Number(hour);
  if (Number(hour) < 1 || Number(hour) > 12) return Number.NaN;
  return (Number(hour) % 12) + (/^p/i.test(half) ? 12 : 0);
}
