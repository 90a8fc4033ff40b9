import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { vi } from "vitest";
import { runCli } from "../src/cli/main.js";
import { loadAddon } from "../src/native/addon.js";

/** A folder of its own that the command line runs in, with rows to train on. */
export interface World {
  readonly folder: string;
  write(name: string, text: string): void;
  remove(): void;
}

export function makeWorld(): World {
  const before = process.cwd();
  const folder = mkdtempSync(join(tmpdir(), "pairloom-cli-"));
  process.chdir(folder);
  return {
    folder,
    write(name, text) {
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      writeFileSync(join(folder, name), text);
    },
    remove() {
      process.chdir(before);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** All reports take the same ceilings of the machine: measuring them takes a quarter of a second. @returns what ends that */
export function measureCeilingsOnce(): () => void {
  const { addon } = loadAddon();
  if (addon === undefined) return () => undefined;
  const spy = vi.spyOn(addon, "ceilings").mockReturnValue(addon.ceilings(1));
  return () => spy.mockRestore();
}

export interface Row {
  user: string;
  item: string;
  price: number | string;
  clicked: number | string;
}

/** Rows in which a user likes items of one parity: a pair of ids tells the label, neither alone does. */
export function rows(count: number): Row[] {
  return Array.from({ length: count }, (_, i) => {
    const [user, item] = [i % 7, (i * 5 + Math.floor(i / 7)) % 11];
    return {
      user: `u${user}`,
      item: `i${item}`,
      price: (i % 13) / 2,
      clicked: (user + item) % 2 === 0 || i % 17 === 0 ? 1 : 0,
    };
  });
}

export function csv(records: readonly Row[]): string {
  const lines = records.map(({ user, item, price, clicked }) => `${user},${item},${price},${clicked}`);
  return `${["user,item,price,clicked", ...lines].join("\n")}\n`;
}

/** A config that trains in a moment; every call gives a new one to spoil. */
// biome-ignore lint/suspicious/noExplicitAny: tests put wrong values into it
export function smallConfig(): any {
  return {
    data: { train: { path: "rows.csv" }, test: { path: "test.csv" }, label: "clicked" },
    features: [
      { kind: "id", name: "user", hash: 100 },
      { kind: "id", name: "item", vocabulary: {} },
      { kind: "number", name: "price", normalize: "zscore" },
    ],
    model: {
      kind: "dlrm",
      embeddingDim: 8,
      dense: { features: ["price"], mlp: { hiddenUnits: [8] } },
      sparse: { features: ["user", "item"] },
      final: { hiddenUnits: [16] },
    },
    train: { batchSize: 128 },
  };
}

/** The values of a file with one JSON value a line. */
export const jsonLines = (path: string) =>
  readFileSync(path, "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));

/** The words of a command that Pairloom has printed, as a shell reads them. */
export function printedWords(command: string): string[] {
  return execFileSync("sh", ["-c", `printf '%s\\0' ${command}`], { encoding: "utf8" })
    .split("\0")
    .slice(0, -1);
}

/** The newest checkpoint of a run, and the bytes of its model and of its optimizer. */
export function newestTensors(run: string): { step: string; model: Buffer; optimizer: Buffer } {
  const folder = join(run, "checkpoints");
  const steps = readdirSync(folder).filter((name) => name.startsWith("step-"));
  const step = steps.sort().at(-1)!;
  const bytesOf = (name: string) => readFileSync(join(folder, step, `${name}.safetensors`));
  return { step, model: bytesOf("model"), optimizer: bytesOf("optimizer") };
}

export interface CliResult {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** The command line as a process, as people start it: from `dist`, which loads in a third of the time of the sources. */
export const PAIRLOOM = [process.execPath, fileURLToPath(new URL("../bin/pairloom.js", import.meta.url))];

/** One command line in this process, as a terminal would see it. */
export async function cli(...args: string[]): Promise<CliResult> {
  let out = "";
  let err = "";
  const spies = [
    vi.spyOn(console, "log").mockImplementation((text = "") => {
      out += `${text}\n`;
    }),
    vi.spyOn(console, "error").mockImplementation((text = "") => {
      err += `${text}\n`;
    }),
    vi.spyOn(process.stderr, "write").mockImplementation((text) => {
      err += text;
      return true;
    }),
  ];
  const before = process.exitCode;
  process.exitCode = 0;
  try {
    await runCli(args);
    return { code: Number(process.exitCode), out, err };
  } finally {
    process.exitCode = before;
    for (const spy of spies) spy.mockRestore();
  }
}
