import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { DataError } from "../../errors.js";
import type { TextRules } from "../../features/fitted.js";
import type { GrowingSourceConfig, TopicConfig } from "../data-config.js";
import { demandOf, type JobConfig, type JobSource } from "../job.js";
import type { Duck } from "../source/duckdb.js";
import type { MalformedRow, Refused, Unread } from "../source/rejects.js";
import { findFiles } from "../source/source-files.js";
import { isRow, type MessageRows, writeMessages } from "../topic/messages.js";
import type { Message, PartitionOffsets, TopicClient } from "../topic/topic-client.js";
import type { GrowingSource, Next } from "./growing-source.js";
import type { ReaderPosition, Reads, TopicReads } from "./position.js";

export interface TopicOptions {
  /** Stop where the topic ended when it was read first. */
  readonly untilEnd: boolean;
  readonly signal: AbortSignal;
}

/** With `untilEnd`: if no message has come for so long, there is none before the end (markers of transactions have offsets, too). */
const IDLE_MS = 10_000;

/** Messages of a topic: a stretch is a number of messages, or those of some time. */
export class GrowingTopic implements GrowingSource {
  /** The offsets at which to stop. */
  private ends?: ReadonlyMap<number, number>;
  /** The messages of the newest stretch. */
  private kept?: { readonly reads: TopicReads; readonly messages: readonly Message[] };

  constructor(
    private readonly config: JobConfig,
    private readonly source: GrowingSourceConfig & { readonly topic: TopicConfig },
    private readonly client: TopicClient,
    private readonly options: TopicOptions,
  ) {}

  async next(position: ReaderPosition, rules: TextRules, more?: Reads): Promise<Next> {
    const { topic } = this.source;
    const offsets = await this.client.offsets();
    const from = startsOf(topic, offsets, position);
    for (const each of offsets) refuseGap(topic, each, from.get(each.partition)!);
    if (this.options.untilEnd) this.ends ??= endsOf(offsets);
    const before = more ? countOf(more as TopicReads) : 0;
    const messages = await this.collect(from, this.ends, before + topic.rows, topic.seconds);
    if (messages.length <= before) return {};
    const reads = { topic: topic.name, ranges: rangesOf(messages, from) };
    // Without a row there is nothing to train on: the stretch goes on with the next messages.
    if (!messages.some(isRow)) return this.options.signal.aborted ? {} : this.next(position, rules, reads);
    this.kept = { reads, messages };
    return { reads };
  }

  async open(duck: Duck, reads: Reads, scratch: string): Promise<Omit<JobSource, "rules">> {
    const messages = this.kept?.reads === reads ? this.kept.messages : await this.again(reads as TopicReads);
    const { topic, ...rest } = this.source;
    mkdirSync(scratch, { recursive: true });
    const path = join(scratch, "messages.json");
    const demand = demandOf(this.config);
    // After `sql`, rows have other columns than messages.
    const columns = rest.sql === undefined ? [...demand.wants.keys()] : [];
    const written = writeMessages(messages, path, columns);
    const source = { ...rest, path, format: "json" as const };
    const where = "data.continue";
    const files = await findFiles(duck, source, where, scratch, demand);
    const unread = (_: string, refused: Refused) => placesOf(written, topic.name, refused, source.sql);
    const divide: JobSource["divide"] = async (opened) => ({
      source: { ...opened, unread },
      splits: [{ name: "train" }],
    });
    return { source, where, files, divide };
  }

  async saved({ topics }: ReaderPosition): Promise<void> {
    const next = Object.entries(topics[this.source.topic.name] ?? {});
    await this.client.commit(new Map(next.map(([partition, offset]) => [Number(partition), offset])));
  }

  close(): Promise<void> {
    return this.client.close();
  }

  /** Reads the messages of a stretch again. @throws DataError if some are no longer there */
  private async again(reads: TopicReads): Promise<Message[]> {
    const { topic, ranges } = reads;
    const offsets = await this.client.offsets();
    const from = new Map(ranges.map(({ partition, first }) => [partition, first]));
    for (const each of offsets)
      if (from.has(each.partition)) refuseGap(this.source.topic, each, from.get(each.partition)!);
    const ends = new Map(ranges.map(({ partition, next }) => [partition, next]));
    const messages = await this.collect(from, ends, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY);
    const wanted = countOf(reads);
    if (messages.length === wanted) return messages;
    throw new DataError({
      what: "messages of an interrupted stretch are no longer in the topic",
      where: topic,
      got: `${messages.length} messages`,
      expected: `${wanted} messages`,
      next: "Keep messages longer (retention and compaction of the topic), and train a new run from this model: train.initializeFrom.",
    });
  }

  /** Messages from these offsets on, up to the ends, if there are any, limited by number or by seconds. */
  private async collect(
    from: ReadonlyMap<number, number>,
    ends: ReadonlyMap<number, number> | undefined,
    most: number,
    seconds: number,
  ): Promise<Message[]> {
    const messages: Message[] = [];
    const open = new Set([...from.keys()].filter((each) => !ends || from.get(each)! < (ends.get(each) ?? 0)));
    if (open.size === 0) return messages;
    await this.client.ready();
    const stop = new AbortController();
    const timers = new Timers(() => stop.abort());
    if (ends) timers.set("idle", IDLE_MS);
    const take = (message: Message): boolean => {
      const end = ends?.get(message.partition) ?? (ends ? 0 : Number.POSITIVE_INFINITY);
      if (message.offset < end) {
        messages.push(message);
        if (messages.length === 1 && Number.isFinite(seconds)) timers.set("stretch", seconds * 1000);
      }
      if (message.offset >= end - 1) open.delete(message.partition);
      if (ends) timers.set("idle", IDLE_MS);
      return messages.length < most && open.size > 0;
    };
    try {
      await this.client.read(from, take, AbortSignal.any([stop.signal, this.options.signal]));
    } finally {
      timers.clear();
    }
    // Silence is the end only where the broker still answers.
    if (ends && stop.signal.aborted) await this.client.offsets();
    return messages;
  }
}

class Timers {
  private readonly running = new Map<string, NodeJS.Timeout>();

  constructor(private readonly run: () => void) {}

  set(name: string, ms: number): void {
    clearTimeout(this.running.get(name));
    this.running.set(name, setTimeout(this.run, ms));
  }

  clear(): void {
    for (const timer of this.running.values()) clearTimeout(timer);
  }
}

const countOf = ({ ranges }: TopicReads) => ranges.reduce((sum, { count }) => sum + count, 0);
const endsOf = (offsets: readonly PartitionOffsets[]) =>
  new Map(offsets.map(({ partition, next }) => [partition, next]));

/** The offset of the next message of each partition. A partition that is new to the run starts with its oldest message. */
function startsOf(
  { name, from }: TopicConfig,
  offsets: readonly PartitionOffsets[],
  { topics }: ReaderPosition,
): Map<number, number> {
  const read = topics[name];
  const first = ({ partition, first, next }: PartitionOffsets) => {
    if (read) return read[partition] ?? first;
    if (typeof from === "object") return from[partition] ?? first;
    return from === "newest" ? next : first;
  };
  return new Map(offsets.map((each) => [each.partition, first(each)]));
}

function refuseGap({ name }: TopicConfig, { partition, first, next }: PartitionOffsets, from: number): void {
  if (from >= first && from <= next) return;
  const isGone = from < first;
  throw new DataError({
    what: isGone
      ? "messages that the run has not read are no longer in the topic"
      : "the topic ends before the message that the run would read next: it is another topic of the same name",
    where: `${name}, partition ${partition}`,
    got: `messages ${first} to ${next - 1}`,
    expected: `a message with the offset ${from}`,
    next: isGone
      ? "Keep messages longer (retention of the topic). To go on with those that are left, train a new run from this model: train.initializeFrom, with topic.from."
      : "Check the name of the topic and the brokers. To read the new topic, train a new run from this model: train.initializeFrom.",
  });
}

function rangesOf(messages: readonly Message[], from: ReadonlyMap<number, number>): TopicReads["ranges"] {
  return [...from]
    .sort(([a], [b]) => a - b)
    .map(([partition, first]) => {
      const own = messages.filter((message) => message.partition === partition);
      const next = own.reduce((last, { offset }) => Math.max(last, offset + 1), first);
      return { partition, first, next, count: own.length };
    });
}

/** Malformed messages, and where the refused rows are. After `sql`, rows are no longer messages. */
async function placesOf(
  { rows, malformed }: MessageRows,
  topic: string,
  refused: Refused,
  sql: string | undefined,
): Promise<Unread> {
  const placeOf = ({ partition, offset }: Message) => ({ topic, partition, offset });
  const nowhere = { file: topic, line: 0 };
  async function* listed(): AsyncGenerator<MalformedRow> {
    for (const { message, reason } of malformed) {
      const text = message.value?.toString("utf8") ?? null;
      yield { ...nowhere, column: null, reason, text, message: placeOf(message) };
    }
  }
  const places = refused.rows.map((row) =>
    sql === undefined
      ? { ...nowhere, cells: new Map<string, string>(), message: placeOf(rows[row - 1]) }
      : undefined,
  );
  return { malformed: listed(), places };
}
