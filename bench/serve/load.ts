import { bytesOf, Connections } from "./connections.js";
import type { Shot } from "./shots.js";

export interface Outcome {
  /** Seconds of each request that was answered with 200, ascending; of a set rate from the moment at which it was due. */
  readonly times: Float64Array;
  /** Seconds that each request was due before a connection was free for it, ascending. */
  readonly waits: Float64Array;
  /** By status; 0 for requests without an answer. */
  readonly statuses: ReadonlyMap<number, number>;
  readonly seconds: number;
  /** Seconds of processor time of the generator. */
  readonly processor: number;
}

/** Sends the next request when one is answered; this number of them are open at once. */
export function closedLoop(url: string, shot: Shot, connections: number, seconds: number): Promise<Outcome> {
  return measured(url, shot, connections, async (send) => {
    const end = performance.now() + seconds * 1000;
    const client = async () => {
      while (performance.now() < end) await send(performance.now());
    };
    await Promise.all(Array.from({ length: connections }, client));
  });
}

/** Milliseconds between looks at which requests are due. */
const TICK = 1;

/** Sends requests at a rate, whether or not others are answered. */
export function openLoop(
  url: string,
  shot: Shot,
  rate: number,
  seconds: number,
  connections = 512,
): Promise<Outcome> {
  return measured(url, shot, connections, async (send) => {
    const start = performance.now();
    const sent: Promise<void>[] = [];
    await new Promise<void>((done) => {
      const timer = setInterval(() => {
        const now = performance.now() - start;
        while (sent.length < Math.min((now / 1000) * rate, seconds * rate))
          sent.push(send(start + (sent.length / rate) * 1000));
        if (now < seconds * 1000) return;
        clearInterval(timer);
        done();
      }, TICK);
    });
    await Promise.all(sent);
  });
}

type Send = (due: number) => Promise<void>;

async function measured(
  url: string,
  shot: Shot,
  connections: number,
  run: (send: Send) => Promise<void>,
): Promise<Outcome> {
  const open = await Connections.open(url, connections);
  const bytes = bytesOf(shot);
  const [times, waits]: [number[], number[]] = [[], []];
  const statuses = new Map<number, number>();
  const send: Send = async (due) => {
    const { status, sent } = await open.send(bytes);
    waits.push((sent - due) / 1000);
    if (status === 200) times.push((performance.now() - due) / 1000);
    statuses.set(status, (statuses.get(status) ?? 0) + 1);
  };
  const [started, processor] = [performance.now(), process.cpuUsage()];
  await run(send);
  const { user, system } = process.cpuUsage(processor);
  const seconds = (performance.now() - started) / 1000;
  open.close();
  const [ascending, waited] = [times, waits].map((each) => Float64Array.from(each).sort());
  return { times: ascending, waits: waited, statuses, seconds, processor: (user + system) / 1e6 };
}
