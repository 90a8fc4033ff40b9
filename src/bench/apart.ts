import { fork } from "node:child_process";
import { extname } from "node:path";
import { fileURLToPath } from "node:url";
import { ExecutionError } from "../errors.js";
import type { BenchResult, BenchSettings } from "./measure.js";
import type { Workload } from "./workloads.js";

export interface Order {
  readonly workload: Workload;
  readonly settings: BenchSettings;
}

/** The extension of this file: TypeScript when run from the sources (bench/), JavaScript in the package. */
const CHILD = fileURLToPath(new URL(`./apart-child${extname(import.meta.url)}`, import.meta.url));

/** Measures in a separate process, so that the memory is that of this workload only. @throws ExecutionError if it dies */
export function measureApart(order: Order): Promise<BenchResult> {
  return new Promise((resolve, reject) => {
    const child = fork(CHILD, { serialization: "advanced" });
    child.once("message", (result) => resolve(result as BenchResult));
    child.once("exit", (code, signal) =>
      reject(
        new ExecutionError({
          what: "a measurement ended without a result",
          where: order.workload.name,
          got: signal ?? `exit code ${code}`,
          next: "Read the output of the process above. If there is none, it probably ran out of memory.",
        }),
      ),
    );
    child.send(order);
  });
}
