import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { residentBytes } from "../resident-bytes.js";

/** Ticks of a second in /proc. */
const TICKS = 100;

/** A server in a process of its own: `pairloom serve`, as it was built, or one with onnxruntime. */
export class BenchServer {
  private constructor(
    readonly url: string,
    private readonly child: ChildProcess,
  ) {}

  /** @param core the only core that it may use; all by default */
  static start(run: string, core?: number, ...options: string[]): Promise<BenchServer> {
    return BenchServer.spawn(["bin/pairloom.js", "serve", run, "--port", "0", ...options], core);
  }

  /** @param model the file of the exported model */
  static onnx(model: string, core?: number): Promise<BenchServer> {
    return BenchServer.spawn(["--import", "tsx", "bench/serve/onnx-server.ts", model], core);
  }

  private static async spawn(script: readonly string[], core?: number): Promise<BenchServer> {
    const command = [process.execPath, ...script];
    const pinned = core === undefined ? command : ["taskset", "-c", String(core), ...command];
    const child = spawn(pinned[0], pinned.slice(1), { stdio: ["ignore", "pipe", "pipe"] });
    const url = await new Promise<string>((found, failed) => {
      let text = "";
      const look = (part: Buffer) => {
        text += part;
        const [, address] = /^Serving on ([^ ,]+)[ ,]/m.exec(text) ?? [];
        if (address !== undefined) found(address);
      };
      child.stdout.on("data", look);
      child.stderr.on("data", look);
      child.on("exit", () => failed(new SyntaxError(text)));
    });
    return new BenchServer(url, child);
  }

  /** Seconds of processor time so far, of all its processes. */
  processor(): number {
    return sum(this.processes().map(processorOf));
  }

  /** Bytes of memory, without mapped files. */
  memory(): number {
    return sum(this.processes().map((pid) => residentBytes(pid)));
  }

  private processes(): number[] {
    const { pid } = this.child;
    const workers = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").slice(0, -1);
    return [pid!, ...workers.map(Number)];
  }

  async stop(): Promise<void> {
    this.child.kill("SIGTERM");
    while (this.child.exitCode === null && this.child.signalCode === null) await sleep(20);
  }
}

function processorOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1].split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS;
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

/** Binds this process, which sends the requests, to a core. */
export function pin(core: number | undefined): void {
  const cores = core === undefined ? "0-4095" : String(core);
  spawnSync("taskset", ["-a", "-c", "-p", cores, String(process.pid)]);
}
