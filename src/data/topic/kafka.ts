import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import type { Consumer, Kafka, KafkaConfig } from "kafkajs";
import { ConfigError, DataError, messageOf } from "../../errors.js";
import type { TopicConfig } from "../data-config.js";
import type { Message, PartitionOffsets, TopicClient } from "./topic-client.js";

/** How long a broker waits for messages before it answers. */
const MOST_WAIT_MS = 500;
/** After this time, a group forgets a member that was killed. */
const SESSION_MS = 10_000;

/**
 * A topic through kafkajs, which is loaded by the first call.
 * @throws ConfigError if kafkajs is not installed; DataError if the broker cannot be reached or has no such topic
 */
export async function openKafka(config: TopicConfig): Promise<TopicClient> {
  const { Kafka: Client, logLevel } = await load();
  const client = new Client({ ...connectionOf(config), logLevel: logLevel.NOTHING });
  return new KafkaTopic(client, config);
}

async function load(): Promise<typeof import("kafkajs")> {
  try {
    const loaded = await import("kafkajs");
    return loaded.default ?? loaded;
  } catch (cause) {
    const report = {
      what: "reading a topic needs the package kafkajs, which is not installed",
      where: "data.continue.topic",
      next: "Run npm install kafkajs.",
    };
    throw new ConfigError(report, { cause });
  }
}

function connectionOf({ brokers, tls, login }: TopicConfig): KafkaConfig {
  const sasl = login && {
    mechanism: login.mechanism,
    username: login.user,
    password: readFileSync(login.passwordFile, "utf8").split(/\r?\n/)[0],
  };
  return { clientId: "pairloom", brokers, ssl: tls, ...(sasl && { sasl: sasl as KafkaConfig["sasl"] }) };
}

class KafkaTopic implements TopicClient {
  private consumer?: Consumer;
  private deliver?: (message: Message) => boolean;

  constructor(
    private readonly kafka: Kafka,
    private readonly config: TopicConfig,
  ) {}

  async offsets(): Promise<readonly PartitionOffsets[]> {
    const admin = this.kafka.admin();
    try {
      await admin.connect();
      const found = await admin.fetchTopicOffsets(this.config.name);
      const offsets = found.map(({ partition, low, high }) => ({
        partition,
        first: Number(low),
        next: Number(high),
      }));
      return offsets.sort((a, b) => a.partition - b.partition);
    } catch (cause) {
      throw unreachable(this.config, cause);
    } finally {
      await admin.disconnect().catch(() => undefined);
    }
  }

  async ready(): Promise<void> {
    await this.joined();
  }

  async read(
    from: ReadonlyMap<number, number>,
    take: (message: Message) => boolean,
    signal: AbortSignal,
  ): Promise<void> {
    const { name: topic } = this.config;
    const consumer = await this.joined();
    const expected = new Map(from);
    const enough = new Promise<void>((resolve) => {
      signal.addEventListener("abort", () => resolve(), { once: true });
      this.deliver = (message) => {
        // A broker may send messages before the offset that was asked for.
        if (message.offset < (expected.get(message.partition) ?? 0)) return true;
        expected.set(message.partition, message.offset + 1);
        const goesOn = take(message);
        if (!goesOn) resolve();
        return goesOn;
      };
    });
    for (const [partition, offset] of from) consumer.seek({ topic, partition, offset: String(offset) });
    consumer.resume([{ topic }]);
    if (!signal.aborted) await enough;
    this.deliver = undefined;
    consumer.pause([{ topic }]);
  }

  /**
   * The only member of its group, so that it gets every partition. Its place in the topic is set by each read.
   * @throws DataError if the group has other members
   */
  private async joined(): Promise<Consumer> {
    if (this.consumer) return this.consumer;
    const { name: topic, group } = this.config;
    const consumer = this.kafka.consumer({
      groupId: group ?? `pairloom-${randomUUID()}`,
      sessionTimeout: SESSION_MS,
      maxWaitTimeInMs: MOST_WAIT_MS,
      allowAutoTopicCreation: false,
    });
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    const assigned = new Promise<number>((resolve) => {
      consumer.on(consumer.events.GROUP_JOIN, ({ payload }) =>
        resolve(payload.memberAssignment[topic]?.length ?? 0),
      );
    });
    await consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      eachBatch: async ({ batch, resolveOffset, isStale }) => {
        for (const { offset, value } of batch.messages) {
          if (isStale() || !this.deliver?.({ partition: batch.partition, offset: Number(offset), value }))
            return;
          resolveOffset(offset);
        }
      },
    });
    this.consumer = consumer;
    const [mine, all] = [await assigned, (await this.offsets()).length];
    if (mine < all) throw notAlone(this.config, mine, all);
    return consumer;
  }

  async commit(next: ReadonlyMap<number, number>): Promise<void> {
    const { name: topic, group } = this.config;
    if (group === undefined) return;
    const offsets = [...next].map(([partition, offset]) => ({ topic, partition, offset: String(offset) }));
    // For monitoring only: the run goes on from its checkpoint, so that it does not stop where this fails.
    await this.consumer?.commitOffsets(offsets).catch(() => undefined);
  }

  async close(): Promise<void> {
    await this.consumer?.disconnect();
  }
}

function notAlone({ name, group }: TopicConfig, mine: number, all: number): DataError {
  return new DataError({
    what: "other programs read the topic in the same consumer group, so that this run would get a part of the messages",
    where: "data.continue.topic.group",
    got: `${mine} of ${all} partitions of ${name} in the group ${group}`,
    expected: "a group without other members",
    next: "Give the run a group of its own, or stop the other program.",
  });
}

function unreachable({ name, brokers }: TopicConfig, cause: unknown): DataError {
  const report = {
    what: "the topic cannot be read",
    where: "data.continue.topic",
    got: `${name} at ${brokers.join(", ")}: ${messageOf(cause)}`,
    expected: "a broker that has the topic",
    next: "Check the name of the topic, and the address of the broker and its network.",
  };
  return new DataError(report, { cause });
}
