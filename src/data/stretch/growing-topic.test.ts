import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { dataSchema } from "../data-config.js";
import type { TopicClient } from "../topic/topic-client.js";
import { GrowingTopic } from "./growing-topic.js";
import { START } from "./position.js";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const data = dataSchema.parse({
  train: { path: "rows.csv" },
  continue: { topic: { name: "clicks", brokers: ["localhost:9092"] } },
  label: "y",
});

/** A partition with two messages, and what happens after the first one. */
const clientOf = (then: (take: () => boolean) => void): TopicClient => ({
  offsets: async () => [{ partition: 0, first: 0, next: 2 }],
  ready: async () => undefined,
  read: async (_, take) => {
    let offset = 0;
    const next = () => take({ partition: 0, offset: offset++, value: Buffer.from("{}") });
    next();
    then(next);
  },
  commit: async () => undefined,
  close: async () => undefined,
});

const next = (client: TopicClient) => {
  const options = { untilEnd: true, signal: new AbortController().signal };
  const topic = data.continue!.topic!;
  return new GrowingTopic({ data, features: [] }, { topic }, client, options).next(START, {});
};

it("reads up to the end, and leaves no timer", async () => {
  const { reads } = await next(clientOf((take) => expect(take()).toBe(false)));
  expect(reads).toEqual({ topic: "clicks", ranges: [{ partition: 0, first: 0, next: 2, count: 2 }] });
  expect(vi.getTimerCount()).toBe(0);
});

it("waits for messages only once they can come, however long that takes", async () => {
  const client = clientOf((take) => expect(take()).toBe(false));
  const minutes = 5;
  const slow = { ...client, ready: () => new Promise<void>((done) => setTimeout(done, minutes * 60_000)) };
  const reading = next(slow);
  await vi.advanceTimersByTimeAsync(minutes * 60_000);
  expect((await reading).reads).toMatchObject({ ranges: [{ next: 2, count: 2 }] });
});

it("takes silence for the end of the topic, but not if the broker does not answer any more", async () => {
  const silent: TopicClient = {
    ...clientOf(() => undefined),
    read: (_, __, signal) => new Promise((done) => signal.addEventListener("abort", () => done())),
  };
  const reading = next(silent);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(await reading).toEqual({});
  let calls = 0;
  const gone = async () => {
    if (calls++ > 0) throw new Error("the broker is gone");
    return [{ partition: 0, first: 0, next: 2 }];
  };
  const failing = expect(next({ ...silent, offsets: gone })).rejects.toThrow("the broker is gone");
  await vi.advanceTimersByTimeAsync(10_000);
  await failing;
});

it("leaves no timer after an error, which would keep the process alive", async () => {
  const broken = clientOf(() => {
    throw new Error("the broker is gone");
  });
  await expect(next(broken)).rejects.toThrow("the broker is gone");
  expect(vi.getTimerCount()).toBe(0);
});
