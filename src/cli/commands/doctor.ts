import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, freemem, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import type { ArgsDef } from "citty";
import { messageOf, PairloomError } from "../../errors.js";
import { type Addon, type AddonResult, loadAddon } from "../../native/addon.js";
import { BUILD_COMMAND } from "../../native/find-core.js";
import { version } from "../../version.js";
import { EXIT } from "../failure.js";
import { fillLines } from "../fill-lines.js";
import { measureRanks } from "../measure-ranks.js";
import { onRanks } from "../on-ranks.js";
import { bytes } from "../tables.js";
import { command } from "../usage.js";

type Level = "ok" | "note" | "FAIL";
interface Finding {
  readonly level: Level;
  readonly name: string;
  readonly text: string;
}

/** The releases of Node.js from which on `require` loads ES modules. */
const NODE = "20.19, 22.12 or newer";

const args = {
  ranks: {
    type: "boolean",
    description: "Measure memory and exchanges of the ranks that launch, mpirun or srun has started",
  },
  output: {
    type: "string",
    valueHint: "file",
    description: "With --ranks: where to write what was measured",
    default: "topology.json",
  },
} as const satisfies ArgsDef;

export const doctor = command("doctor", args, async ({ ranks, output }) => {
  if (ranks) return onRanks((world) => measureRanks(world, output));
  const findings = [
    { level: "ok", name: "pairloom", text: version },
    nodeVersion(),
    processor(),
    memory(),
    nativeCore(),
    tool("cmake", "cmake", "CMake"),
    compiler(),
    await duckdb(),
    writable("working folder", "."),
    writable("temporary folder", tmpdir()),
  ] satisfies Finding[];
  for (const { level, name, text } of findings) console.log(lineOf(level, name, text));
  if (findings.some(({ level }) => level === "FAIL")) process.exitCode = EXIT.user;
});

function lineOf(level: Level, name: string, text: string): string {
  const [first, ...words] = text.split(" ");
  const head = `${level.padEnd(4)}  ${name.padEnd(16)}  `;
  return fillLines(head + first, words, " ".repeat(head.length)).join("\n");
}

function nodeVersion(): Finding {
  const [major, minor] = process.versions.node.split(".").map(Number);
  const enough = major > 22 || (major === 22 && minor >= 12) || (major === 20 && minor >= 19);
  const text = `${process.version} on ${process.platform} ${process.arch}`;
  if (enough) return { level: "ok", name: "node", text };
  return { level: "FAIL", name: "node", text: `${text}: ${NODE} is needed` };
}

function processor(): Finding {
  const model = cpus()[0]?.model.trim() ?? "unknown";
  return { level: "ok", name: "processor", text: `${model}, ${availableParallelism()} threads by default` };
}

function memory(): Finding {
  return { level: "ok", name: "memory", text: `${bytes(freemem())} free of ${bytes(totalmem())}` };
}

function nativeCore(): Finding {
  const name = "native core";
  try {
    const loaded = loadAddon();
    return loaded.addon
      ? { level: "ok", name, text: inUse(loaded) }
      : { level: "note", name, text: notInUse(loaded) };
  } catch (error) {
    return { level: "FAIL", name, text: faultOf(error) };
  }
}

function inUse({ addon, path }: AddonResult & { readonly addon: Addon }): string {
  const others = addon.isas().filter((isa) => isa !== addon.isa());
  const more = others.length > 0 ? `; this machine also runs ${others.join(", ")}` : "";
  return `${addon.isa()} in use${more} (${path})`;
}

function notInUse({ reason }: { readonly reason: string }): string {
  return `not in use, so training is many times slower: ${reason}. To build it, run \`${BUILD_COMMAND}\``;
}

function compiler(): Finding {
  return process.platform === "win32"
    ? tool("compiler", "zig", "zig", "version")
    : tool("compiler", process.env.CXX ?? "c++", "C++ compiler");
}

/** Only needed to build the native core. */
function tool(name: string, program: string, what: string, ask = "--version"): Finding {
  const { status, stdout } = spawnSync(program, [ask], { encoding: "utf8" });
  if (status === 0) return { level: "ok", name, text: stdout.split("\n")[0] };
  return { level: "note", name, text: `no ${what} (\`${program}\`): only needed to build the native core` };
}

async function duckdb(): Promise<Finding> {
  try {
    const { Duck } = await import("../../data/source/duckdb.js");
    const { readsInPlace } = await import("../../data/encode/choose-kernels.js");
    const duck = await Duck.open(tmpdir());
    const [[version]] = await duck.rows("SELECT version()", "doctor").finally(() => duck.close());
    const { addon } = loadAddon();
    if (!addon || readsInPlace(addon)) return { level: "ok", name: "duckdb", text: version ?? "" };
    const text = `${version}: its library was not found, so the native core cannot read its memory and packing is several times slower`;
    return { level: "note", name: "duckdb", text };
  } catch (error) {
    return { level: "FAIL", name: "duckdb", text: faultOf(error) };
  }
}

function faultOf(error: unknown): string {
  if (!(error instanceof PairloomError)) return messageOf(error).split("\n")[0];
  const { what, got, next } = error.report;
  return [`${what}: ${got}.`, next].join(" ");
}

function writable(name: string, folder: string): Finding {
  try {
    const probe = mkdtempSync(join(folder, ".pairloom-doctor-"));
    writeFileSync(join(probe, "probe"), "");
    rmSync(probe, { recursive: true });
    return { level: "ok", name, text: "can be written" };
  } catch (error) {
    return { level: "FAIL", name, text: `cannot be written: ${messageOf(error)}` };
  }
}
