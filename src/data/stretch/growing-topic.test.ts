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

it("leaves no timer after an error, which would keep the process alive", async () => {
  const broken = clientOf(() => {
    throw new Error("the broker is gone");
  });
  await expect(next(broken)).rejects.toThrow("the broker is gone");
  expect(vi.getTimerCount()).toBe(0);
});
