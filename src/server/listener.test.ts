import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { expect, it } from "vitest";
import { Channel } from "./channel.js";
import { Dispatcher } from "./dispatcher.js";
import { Listener } from "./listener.js";
import { DEFAULT_LIMITS, type ServerSettings } from "./settings.js";

const SETTINGS: ServerSettings = {
  ...{ host: "127.0.0.1", port: 0, sample: 0, logLevel: "silent" },
  limits: DEFAULT_LIMITS,
};

it("accepts every connection that waits before it closes, and none after that", async () => {
  const taken: Socket[] = [];
  const listener = new Listener(SETTINGS, (connection) => void taken.push(connection));
  const port = Number(new URL(await listener.listen()).port);
  const closed = listener.close();
  const clients = Array.from({ length: 30 }, () => connect(port, "127.0.0.1"));
  // The process is busy until it is time to close: the kernel keeps the connections meanwhile.
  for (const end = performance.now() + 600; performance.now() < end; );
  await closed;
  expect(taken).toHaveLength(30);
  const [{ code }] = await once(connect(port, "127.0.0.1"), "error");
  expect(code).toBe("ECONNREFUSED");
  for (const socket of [...clients, ...taken]) socket.destroy();
});

it("refuses an address that is taken, or is none of this machine", async () => {
  const first = new Listener(SETTINGS, () => undefined);
  const port = Number(new URL(await first.listen()).port);
  const second = (settings: object) => new Listener({ ...SETTINGS, ...settings }, () => undefined).listen();
  await expect(second({ port })).rejects.toThrow(/cannot listen on this address/);
  await expect(second({ host: "no such host", token: "x" })).rejects.toThrow(/cannot listen on this address/);
  await first.close();
});

/** A process that says of each connection that it has it, once it is told to. */
function worker() {
  const has: string[] = [];
  const answers: ((failed?: Error) => void)[] = [];
  const there = new Channel(
    (message) => here.receive(message),
    (_ask, _text, connection) => {
      has.push(connection as unknown as string);
      return new Promise((answer, fail) => answers.push((failed) => (failed ? fail(failed) : answer(""))));
    },
  );
  const here: Channel = new Channel(
    (message, connection) => there.receive(message, connection),
    async () => "",
  );
  return { channel: here, has, answers };
}

it("connections go in turns to processes whose last has arrived, and all of them before the end", async () => {
  const dispatcher = new Dispatcher();
  const take = (name: string) => dispatcher.take(name as unknown as Socket);
  const [a, b] = [worker(), worker()];
  for (const { channel } of [a, b]) dispatcher.add(channel);
  for (const name of ["1", "2", "3"]) take(name);
  expect([a.has, b.has]).toEqual([["1"], ["2"]]);
  b.answers[0]();
  await new Promise(setImmediate);
  expect([a.has, b.has]).toEqual([["1"], ["2", "3"]]);
  for (const name of ["4", "5", "6"]) take(name);
  dispatcher.finish();
  expect([a.has, b.has]).toEqual([
    ["1", "4", "6"],
    ["2", "3", "5"],
  ]);
});

it("a process that could not take a connection gets the next one, and one that has ended gets none", async () => {
  const dispatcher = new Dispatcher();
  const destroyed: string[] = [];
  const take = (name: string) =>
    dispatcher.take(Object.assign(Object(name), { destroy: () => destroyed.push(name) }) as Socket);
  const [a, b] = [worker(), worker()];
  dispatcher.add(a.channel);
  for (const name of ["1", "2"]) take(name);
  a.answers[0](new Error("the client has gone"));
  await new Promise(setImmediate);
  expect([a.has.map(String), destroyed]).toEqual([["1", "2"], ["1"]]);
  dispatcher.remove(a.channel);
  a.channel.close();
  await new Promise(setImmediate);
  for (const name of ["3", "4"]) take(name);
  dispatcher.add(b.channel);
  expect([a.has.map(String), b.has.map(String), destroyed]).toEqual([["1", "2"], ["3"], ["1", "2"]]);
  dispatcher.remove(b.channel);
  dispatcher.finish();
  expect(destroyed).toEqual(["1", "2", "4"]);
});
