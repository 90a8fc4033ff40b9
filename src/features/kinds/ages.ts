import { z } from "zod";
import { type Input, type InputValue, inputOf, Refused } from "../inputs.js";
import { instantOf } from "../instant.js";
import { type Operator, rowwise } from "../operator.js";
import { Refusal } from "../refusal.js";
import { separator } from "../schema/derived-fields.js";
import { featureName, tableFields, text } from "../schema/feature-fields.js";
import { numberValue } from "../values.js";
import { defineKind } from "./define-kind.js";

/** `ages`: how long before the row's own time each entry of a sequence was, as the id of a range of the logarithm. */
const schema = z.strictObject({
  kind: z.literal("ages"),
  /** Unique; models use it to refer to the feature. */
  name: featureName,
  /** The column with the times of the entries, a list for each row, oldest first. */
  column: text,
  /** The column with the time of the row. */
  time: text,
  /** Separates times given as text. */
  separator,
  /** The sequence that this is a column of. Default the name. */
  sequence: featureName.optional(),
  /** Keep only the newest entries, the last ones, up to this number. */
  max: z.int().positive().optional(),
  /** Number of ranges: range i has ages from 2^i - 1 to below 2^(i+1) - 1, and the last all above. */
  buckets: z.int().min(2).max(1024).default(32),
  ...tableFields,
});

interface Ages {
  readonly kind: "ages";
  readonly inputs: readonly Input[];
  readonly ranges: number;
}

export const agesKind = defineKind({
  schema,
  gives: "sequence",
  derive,
  compile,
});

function derive({ column, time, separator, buckets }: z.output<typeof schema>): Ages {
  return {
    kind: "ages",
    inputs: [inputOf(column, "texts", separator), inputOf(time, "text", separator)],
    ranges: buckets,
  };
}

function compile({ ranges }: Ages): Operator {
  return rowwise((times, now) =>
    times === undefined ? undefined : rangesOf(times as readonly string[], now, ranges),
  );
}

/** The range of each entry; null for an entry or a row without a time. */
function rangesOf(times: readonly string[], now: InputValue, ranges: number): (number | null)[] | Refused {
  const end = timeOf(now as string | undefined);
  const ages = times.map((text) => ageAt(timeOf(text), end));
  if (ages.some(Number.isNaN)) return new Refused(Refusal.notTime);
  return ages.map((age) => (age === undefined ? null : Math.min(ranges - 1, Math.floor(Math.log2(1 + age)))));
}

interface Time {
  readonly at: number;
  /** True for a date, in seconds; false for a number of any unit. */
  readonly isDate: boolean;
}

function timeOf(text: string | undefined): Time | undefined {
  if (text === undefined || text === "") return undefined;
  const number = numberValue(text) ?? Number.NaN;
  return Number.isNaN(number) ? { at: instantOf(text) / 1000, isDate: true } : { at: number, isDate: false };
}

/** NaN if the two cannot be compared. An entry after its row has age 0. */
function ageAt(time: Time | undefined, now: Time | undefined): number | undefined {
  if (time === undefined || now === undefined) return undefined;
  return time.isDate === now.isDate ? Math.max(0, now.at - time.at) : Number.NaN;
}
