import { createHash } from "node:crypto";
import { Worker } from "node:worker_threads";

/** SHA-256 of bytes that come in slices, hashed in the order of the calls. */
export interface Sha256 {
  /** The bytes must not change until the promise settles. */
  update(bytes: Uint8Array): Promise<void>;
  /** The hexadecimal hash of the bytes since the last digest. */
  digest(): Promise<string>;
  close(): Promise<void>;
}

/** Hashes on the calling thread. */
export function sha256(): Sha256 {
  let hash = createHash("sha256");
  return {
    update: async (bytes) => void hash.update(bytes),
    digest: async () => {
      const result = hash.digest("hex");
      hash = createHash("sha256");
      return result;
    },
    close: async () => {},
  };
}

/** A thread of its own for hashing: the source is a text, so that it runs in the same way from TypeScript and from JavaScript. */
const THREAD = `
  const { createHash } = require("node:crypto");
  const { parentPort } = require("node:worker_threads");
  let hash = createHash("sha256");
  parentPort.on("message", (bytes) => {
    if (bytes) {
      hash.update(bytes);
      parentPort.postMessage("");
    } else {
      parentPort.postMessage(hash.digest("hex"));
      hash = createHash("sha256");
    }
  });
`;

/** Hashes on a thread of its own. Slices are in shared memory: others would be copied. */
export function threadedSha256(): Sha256 {
  const thread = new Worker(THREAD, { eval: true, execArgv: [] });
  const waiting: { resolve(answer: string): void; reject(error: unknown): void }[] = [];
  thread.on("message", (answer) => waiting.shift()!.resolve(answer));
  thread.on("error", (error) => {
    for (const { reject } of waiting.splice(0)) reject(error);
  });
  const ask = (bytes?: Uint8Array): Promise<string> =>
    new Promise((resolve, reject) => {
      waiting.push({ resolve, reject });
      thread.postMessage(bytes);
    });
  return {
    update: async (bytes) => void (await ask(bytes)),
    digest: () => ask(),
    close: async () => void (await thread.terminate()),
  };
}
