import { expect, it } from "vitest";
import { HOT, makeUser, TOPICS } from "../examples/histories/user.js";

/* examples/histories: what its README says about the rows. */

const users = Array.from({ length: 400 }, (_, user) => makeUser(user));
const all = users.flatMap(({ events, rows }) => rows.map((row) => ({ events, row })));
const isHot = ({ events, row }: (typeof all)[number]) =>
  events.some(({ topic, time }) => topic === row.topic && time < row.time && row.time - time < HOT);

it("has events in the order of time, and rows at the times of events about topics of earlier ones", () => {
  for (const { events } of users) {
    const times = events.map(({ time }) => time);
    expect(times).toEqual([...new Set(times)].sort((a, b) => a - b));
  }
  for (const { events, row } of all) {
    expect(events.some(({ time }) => time === row.time)).toBe(true);
    expect(events.some(({ topic, time }) => topic === row.topic && time < row.time)).toBe(true);
    expect(row.topic).toBeLessThan(TOPICS);
  }
});

it("has a label that depends on the age of the last click on the topic", () => {
  const hot = all.filter(isHot);
  const stale = all.filter((each) => !isHot(each));
  const rate = (rows: typeof all) => rows.filter(({ row }) => row.clicked === 1).length / rows.length;
  // The logistic function of 1 and of -1.4; the shares of 1,800 rows have standard deviations of a hundredth.
  expect(Math.abs(rate(hot) - 1 / (1 + Math.exp(-1)))).toBeLessThan(0.05);
  expect(Math.abs(rate(stale) - 1 / (1 + Math.exp(1.4)))).toBeLessThan(0.05);
  expect(Math.abs(hot.length / all.length - 0.5)).toBeLessThan(0.05);
});

it("makes the same user every time", () => {
  expect(makeUser(7)).toEqual(users[7]);
});
