import { z } from "zod";
import { type Input, inputOf } from "../inputs.js";
import { type Operator, rowwise } from "../operator.js";
import { anyOutput, inputSource, refineOutput } from "../schema/derived-fields.js";
import { featureName, problem } from "../schema/feature-fields.js";
import { defineKind } from "./define-kind.js";

const DAY = 86_400_000;

/**
 * Each part as a function of a date, in UTC. The numbers are those of pandas; those of a part with `values` are below it.
 */
const PARTS = {
  minute: { of: (date: Date) => date.getUTCMinutes(), values: 60 },
  hour: { of: (date: Date) => date.getUTCHours(), values: 24 },
  weekday: { of: (date: Date) => (date.getUTCDay() + 6) % 7, values: 7 },
  day: { of: (date: Date) => date.getUTCDate(), values: 32 },
  dayOfYear: { of: dayOfYear, values: 367 },
  month: { of: (date: Date) => date.getUTCMonth() + 1, values: 13 },
  year: { of: (date: Date) => date.getUTCFullYear() },
  daysSinceEpoch: { of: (date: Date) => Math.floor(date.getTime() / DAY) },
} as const;
type Part = keyof typeof PARTS;

const { width: _, ...output } = anyOutput;

/** `datePart`: the hour, weekday, month or another part of a date or a timestamp. */
const schema = z
  .strictObject({
    kind: z.literal("datePart"),
    /** Unique; models and other features name it. */
    name: featureName,
    /** A date, a timestamp, or a text in ISO 8601. */
    input: inputSource,
    /** The part, in UTC. Monday is weekday 0; day, dayOfYear and month start at 1. */
    part: z.enum(Object.keys(PARTS) as [Part, ...Part[]]),
    /** Numbers in the input are times since 1970 in this unit; without it they are refused. */
    unit: z.enum(["seconds", "milliseconds"]).optional(),
    ...output,
  })
  .superRefine(refineOutput)
  .superRefine(({ part, buckets = Number.POSITIVE_INFINITY }, context) => {
    const { values = 0 } = PARTS[part] as { readonly values?: number };
    if (buckets < values)
      problem(context, "buckets", `${part} has numbers up to ${values - 1}: it needs buckets: ${values}`);
  });

interface DatePart {
  readonly kind: "datePart";
  readonly inputs: readonly Input[];
  readonly part: Part;
}

export const datePartKind = defineKind({
  schema,
  derive,
  compile,
});

function derive({ input, part, unit }: z.output<typeof schema>): DatePart {
  return { kind: "datePart", inputs: [{ ...inputOf(input, "time", ","), ...(unit && { unit }) }], part };
}

function compile({ part }: DatePart): Operator {
  const partOf = PARTS[part].of;
  return rowwise((time) => (time === undefined ? undefined : partOf(new Date(time as number))));
}

function dayOfYear(date: Date): number {
  return 1 + (date.getTime() - new Date(date).setUTCMonth(0, 1)) / DAY;
}
