/** Dates as people write them, beside ISO 8601. */

interface Format {
  /** For DuckDB's strptime. */
  readonly format: string;
  /** The groups are year, month and day in the order of `parts`, then hour, minute and second. */
  readonly pattern: RegExp;
  readonly parts: readonly ["year" | "month" | "day", "year" | "month" | "day", "year" | "month" | "day"];
}

const DAYS: readonly Omit<Format, "pattern">[] = [
  { format: "%m/%d/%Y", parts: ["month", "day", "year"] },
  { format: "%d/%m/%Y", parts: ["day", "month", "year"] },
  { format: "%d.%m.%Y", parts: ["day", "month", "year"] },
  { format: "%d-%m-%Y", parts: ["day", "month", "year"] },
  { format: "%Y/%m/%d", parts: ["year", "month", "day"] },
  { format: "%Y%m%d", parts: ["year", "month", "day"] },
];
const TIMES = ["", " %H:%M:%S", " %H:%M"];

const PATTERNS: Readonly<Record<string, string>> = {
  "%Y": "(\\d{4})",
  "%m": "(\\d{1,2})",
  "%d": "(\\d{1,2})",
  "%H": "(\\d{1,2})",
  "%M": "(\\d{2})",
  "%S": "(\\d{2})",
};

const FORMATS: readonly Format[] = DAYS.flatMap(({ format, parts }) =>
  TIMES.map((time) => {
    const isPacked = format === "%Y%m%d";
    const day = isPacked ? "(\\d{4})(\\d{2})(\\d{2})" : patternOf(format);
    return { format: format + time, parts, pattern: new RegExp(`^${day}${patternOf(time)}$`) };
  }),
);

function patternOf(format: string): string {
  return format.replace(/[./]/g, "\\$&").replace(/%[YmdHMS]/g, (part) => PATTERNS[part]);
}

/**
 * The first format that all texts have (or the one named, if they have it), month before day where both fit, and the times in milliseconds since 1970;
 * undefined if none fits.
 */
export function dateFormatOf(
  texts: readonly string[],
  format?: string,
): { format: string; times: number[] } | undefined {
  for (const each of FORMATS) {
    if ((format !== undefined && each.format !== format) || !each.pattern.test(texts[0])) continue;
    const times = texts.map((text) => timeOf(text, each));
    if (times.every(Number.isFinite)) return { format: each.format, times };
  }
  return undefined;
}

function timeOf(text: string, { pattern, parts }: Format): number {
  const match = pattern.exec(text);
  if (!match) return Number.NaN;
  const [first, second, third, hour = 0, minute = 0, seconds = 0] = match
    .slice(1)
    .map((part) => Number(part ?? 0));
  const date = Object.fromEntries(parts.map((part, i) => [part, [first, second, third][i]]));
  const time = Date.UTC(date.year, date.month - 1, date.day, hour, minute, seconds);
  const isReal = new Date(time).getUTCMonth() === date.month - 1 && date.year >= 1900 && date.year <= 2100;
  return isReal && hour < 24 && minute < 60 && seconds < 60 ? time : Number.NaN;
}
