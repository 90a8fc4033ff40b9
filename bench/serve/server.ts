import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { residentBytes } from "../resident-bytes.js";

/** Ticks of a second in /proc. */
const TICKS = 100;

/** A server in a process of its own, `pairloom serve`. */
export class BenchServer {
  private constructor(
    readonly url: string,
    private readonly child: ChildProcess,
  ) {}

  /** @param core the only core that it may use; all by default */
  static async start(run: string, core?: number, ...options: string[]): Promise<BenchServer> {
    const command = [
      process.execPath,
      "--import",
      "tsx",
      "test/cli-entry.ts",
      "serve",
      run,
      "--port",
      "0",
      ...options,
    ];
    const pinned = core === undefined ? command : ["taskset", "-c", String(core), ...command];
    const child = spawn(pinned[0], pinned.slice(1), { stdio: ["ignore", "ignore", "pipe"] });
    const url = await new Promise<string>((found, failed) => {
      let text = "";
      child.stderr.on("data", (part) => {
        text += part;
        const [, address] = /^Serving on ([^\s,]+)/m.exec(text) ?? [];
        if (address !== undefined) found(address);
      });
      child.on("exit", () => failed(new SyntaxError(text)));
    });
    return new BenchServer(url, child);
  }

  /** Seconds of processor time so far. */
  processor(): number {
    const fields = readFileSync(`/proc/${this.child.pid}/stat`, "utf8").split(") ")[1].split(" ");
    return (Number(fields[11]) + Number(fields[12])) / TICKS;
  }

  /** Bytes of memory, without mapped files. */
  memory(): number {
    return residentBytes(this.child.pid);
  }

  async stop(): Promise<void> {
    this.child.kill("SIGTERM");
    while (this.child.exitCode === null) await sleep(20);
  }
}

/** Binds this process, which sends the requests, to a core. */
export function pin(core: number | undefined): void {
  const cores = core === undefined ? "0-4095" : String(core);
  spawnSync("taskset", ["-a", "-c", "-p", cores, String(process.pid)]);
}
