import { z } from "zod";

/**
 * A run that goes on (`train --continue`) trains on one *stretch* of new rows after the other. A stretch is named by what it
 * reads, so that it can be read again: whole files, the rows between two values of a cursor column, or ranges of a topic.
 */

const count = z.int().nonnegative();

/** A file by path and content. */
const readFileSchema = z.strictObject({
  path: z.string(),
  bytes: count,
  /** Milliseconds since 1970. */
  modified: z.number(),
  /** Of the content; empty for a URL. */
  sha256: z.string(),
});

/** The largest value of a cursor column. */
const cursorPointSchema = z.strictObject({
  column: z.string(),
  unit: z.enum(["microseconds", "integer", "number"]),
  /** In digits. */
  value: z.string(),
  /** Rows with a value up to this one, and with this value, when the point was found; absent if they are of another source. */
  rows: count.optional(),
  equal: count.optional(),
});

/** Messages of a partition: `count` of them, with offsets from `first` up to, but not including, `next`. */
const topicRangeSchema = z.strictObject({ partition: count, first: count, next: count, count });

/** What a stretch reads. */
export const readsSchema = z.union([
  z.strictObject({ files: z.array(readFileSchema) }),
  z.strictObject({
    cursor: cursorPointSchema,
    /** The rows have values above this; absent if there is no earlier value. */
    above: z.string().optional(),
    /** Rows that came too late: with a value up to `above`, and of these with the value `above`. */
    late: count,
    lateEqual: count,
  }),
  z.strictObject({ topic: z.string(), ranges: z.array(topicRangeSchema) }),
]);

/** What has been read of sources that grow. */
export const positionSchema = z.strictObject({
  files: z.array(readFileSchema).default([]),
  cursor: cursorPointSchema.optional(),
  /** By topic and partition: the offset of the next message. */
  topics: z.record(z.string(), z.record(z.string(), count)).default({}),
});

export type ReadFile = z.infer<typeof readFileSchema>;
export type CursorPoint = z.infer<typeof cursorPointSchema>;
export type Reads = z.infer<typeof readsSchema>;
export type CursorReads = Extract<Reads, { readonly cursor: unknown }>;
export type TopicReads = Extract<Reads, { readonly topic: unknown }>;
export type ReaderPosition = z.infer<typeof positionSchema>;

export const START: ReaderPosition = { files: [], topics: {} };

/** The position after a stretch. */
export function after(position: ReaderPosition, reads: Reads): ReaderPosition {
  if ("files" in reads) return { ...position, files: [...position.files, ...reads.files] };
  if ("cursor" in reads) return { ...position, cursor: reads.cursor };
  const { topic, ranges } = reads;
  const next = ranges.map(({ partition, next }) => [partition, next]);
  const offsets = { ...position.topics[topic], ...Object.fromEntries(next) };
  return { ...position, topics: { ...position.topics, [topic]: offsets } };
}
