import { readFileSync } from "node:fs";

/** Bytes of memory that a process has to itself, without pages of mapped files. */
export function residentBytes(process: number | "self" = "self"): number {
  return 1024 * Number(/^RssAnon:\s+(\d+) kB/m.exec(readFileSync(`/proc/${process}/status`, "utf8"))![1]);
}
