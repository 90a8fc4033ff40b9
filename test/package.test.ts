// The package as a user gets it: packed, installed in folders of its own, and used from there.
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadAddon } from "../src/native/addon.js";
import { corePackage, thisPlatform } from "../src/native/platform.js";
import { rows } from "./cli-world.js";

const root = fileURLToPath(new URL("../", import.meta.url));
const world = mkdtempSync(join(tmpdir(), "pairloom-package-"));
const tarballs = join(world, "tarballs");

/** What npx starts, from the folder of a project. */
const BIN = "node_modules/.bin/pairloom";

interface Outcome {
  readonly status: number | null;
  readonly text: string;
}

function run(cwd: string, program: string, ...args: string[]): Outcome {
  // The settings of the npm that runs the tests do not hold in the folders of a user.
  const own = Object.entries(process.env).filter(([key]) => !key.startsWith("npm_"));
  const env = Object.fromEntries(own);
  const { status, stdout, stderr } = spawnSync(program, args, {
    cwd,
    env,
    encoding: "utf8",
    timeout: 1_200_000,
  });
  return { status, text: stdout + stderr };
}

function succeed(...call: Parameters<typeof run>): string {
  const { status, text } = run(...call);
  expect(status, text).toBe(0);
  return text;
}

/** Tables break long texts into lines. */
const inOneLine = (text: string) => text.replaceAll(/\s+/g, " ");

function project(name: string, manifest: object = {}): string {
  const folder = join(world, name);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "package.json"), JSON.stringify({ name, private: true, ...manifest }));
  return folder;
}

const tarball = (part: RegExp) => join(tarballs, readdirSync(tarballs).find((name) => part.test(name))!);
const mainTarball = () => tarball(/^pairloom-\d/);

const CONFIG = `import { defineConfig } from "pairloom";
export default defineConfig({
  data: { train: { path: "rows.csv" }, label: "clicked" },
  features: [
    { kind: "id", name: "user", hash: 50 },
    { kind: "number", name: "price" },
  ],
  model: { kind: "logisticRegression", features: ["user", "price"] },
  train: { batchSize: 32, steps: 3 },
});
`;

function writeJob(folder: string): void {
  const lines = rows(200).map(({ user, price, clicked }) => `${user},${price},${clicked}`);
  writeFileSync(join(folder, "rows.csv"), `${["user,price,clicked", ...lines].join("\n")}\n`);
  writeFileSync(join(folder, "pairloom.config.ts"), CONFIG);
}

function packed(): boolean {
  const platform = thisPlatform();
  if (platform === undefined || loadAddon().addon === undefined) return false;
  succeed(root, "npm", "run", "--silent", "build");
  return run(root, process.execPath, "scripts/pack-all.mjs", tarballs, "--platform", platform).status === 0;
}

const registry = spawnSync("npm", ["ping"], { timeout: 20_000 }).status === 0;
const reason = registry ? "needs a native core, built" : "needs a registry of npm";
const ready = registry && packed();

describe.skipIf(!ready)(ready ? "the package" : `the package (skipped: ${reason})`, () => {
  afterAll(() => rmSync(world, { recursive: true, force: true }));

  it("holds what a user needs and nothing else", () => {
    const files = succeed(world, "tar", "-tzf", mainTarball()).split("\n");
    const has = (path: string) => files.includes(`package/${path}`);
    for (const path of [
      "README.md",
      "docs/config.md",
      "examples/flights/pairloom.config.ts",
      "native/CMakeLists.txt",
    ])
      expect(has(path), path).toBe(true);
    expect(files.filter((path) => /\.map$|\.test\.|testing\.|\/tests?\/|build\//.test(path))).toEqual([]);
    expect(readFileSync(mainTarball()).length).toBeLessThan(1_800_000);
  });

  describe("with the native core beside it", () => {
    const folder = project("both");
    beforeAll(() => {
      succeed(folder, "npm", "install", "--no-audit", "--no-fund", mainTarball(), tarball(/core-/));
      writeJob(folder);
    });

    it("runs on the core", () => {
      const platform = thisPlatform()!;
      const text = succeed(folder, "npx", "pairloom", "doctor");
      expect(inOneLine(text)).toMatch(new RegExp(`ok native core .*${corePackage(platform)}`));
    });

    it("trains from the command line", () => {
      const text = succeed(folder, BIN, "train", "pairloom.config.ts", "--run", "trained");
      expect(text).toContain("Device: native");
    });

    it("is loaded by require and by import, with all entry points", () => {
      const names = "[p.load, s.load, t.train, t.evaluate, t.predict].map((each) => typeof each).join()";
      const required = `const [p, s, t] = ["pairloom", "pairloom/serve", "pairloom/train"].map(require); console.log(${names})`;
      expect(succeed(folder, process.execPath, "-e", required)).toContain(
        "function,function,function,function,function",
      );
      writeFileSync(
        join(folder, "all.mjs"),
        `import * as p from "pairloom"; import * as s from "pairloom/serve"; import * as t from "pairloom/train"; console.log(${names});`,
      );
      expect(succeed(folder, process.execPath, "all.mjs")).toContain(
        "function,function,function,function,function",
      );
    });

    it("trains, evaluates and predicts as functions", () => {
      writeFileSync(
        join(folder, "functions.mjs"),
        `import { evaluate, predict, train } from "pairloom/train";
const { runDir, report } = await train("pairloom.config.ts", { runDir: "by-function" });
const { evaluation } = await evaluate(runDir, { data: ["rows.csv"] });
const { rows } = await predict(runDir, { data: ["rows.csv"], output: "scores.csv" });
console.log(JSON.stringify({ step: report.training.step, measured: evaluation.rows, scored: rows.used }));`,
      );
      const text = succeed(folder, process.execPath, "functions.mjs");
      expect(JSON.parse(text)).toEqual({ step: 3, measured: 200, scored: 200 });
    });

    // A process also ends well: files that are mapped then were an abort in Node.js 24.
    it("trains and predicts with Node.js 22 and 24", () => {
      const os = process.platform === "win32" ? "win" : process.platform;
      const versions = [22, 24].map((version) => `node${version}@npm:node-${os}-${process.arch}@${version}`);
      succeed(folder, "npm", "install", "--no-save", "--no-audit", "--no-fund", ...versions);
      const job = `const { train } = require("pairloom/train"), { load } = require("pairloom/serve");
train("pairloom.config.ts", { runDir: process.version }).then(({ runDir }) => load(runDir))
  .then((model) => console.log(process.version, model.predictOne({ user: "u1", price: 2 })));`;
      for (const version of [22, 24]) {
        const text = succeed(folder, join(folder, `node_modules/node${version}/bin/node`), "-e", job);
        expect(text).toMatch(new RegExp(`v${version}\\.\\S+ 0\\.\\d+`));
      }
    });

    it("refuses a core of another version and says what to do", () => {
      const path = join(folder, "node_modules", corePackage(thisPlatform()!), "package.json");
      const before = readFileSync(path, "utf8");
      writeFileSync(path, JSON.stringify({ ...JSON.parse(before), version: "0.0.9" }));
      const { text } = run(folder, BIN, "doctor");
      const { status, text: refused } = run(folder, BIN, "train", "pairloom.config.ts");
      writeFileSync(path, before);
      expect(inOneLine(text)).toMatch(
        /FAIL native core .*0\.0\.9.*remove the package and run `npx pairloom build-native`/,
      );
      expect(status).toBe(1);
      expect(refused).toContain("the native core is of another version than Pairloom");
    });

    const TYPED = `import type { RowOf } from "pairloom";
import { load } from "pairloom/serve";
import { train } from "pairloom/train";
import { Client } from "pairloom/client";
import type config from "./pairloom.config.js";
export const row: RowOf<typeof config> = { user: "u1", price: 2 };
export async function score(): Promise<number> {
  const model = await load<typeof config>("trained");
  return model.predictOne(row);
}
export const runs: typeof train = train;
// @ts-expect-error a feature reads the column price
export const short: RowOf<typeof config> = { user: "u1" };
// @ts-expect-error there is no column item
export const long: RowOf<typeof config> = { user: "u1", price: 2, item: 3 };
`;
    const SETTINGS = [
      { type: "commonjs", module: "commonjs", moduleResolution: "node10" },
      { type: "commonjs", module: "nodenext", moduleResolution: "nodenext" },
      { type: "module", module: "nodenext", moduleResolution: "nodenext" },
      { type: "module", module: "node16", moduleResolution: "node16" },
      { type: "module", module: "esnext", moduleResolution: "bundler" },
    ];
    it.each(SETTINGS)(
      "has types for a project of $type with module $module, $moduleResolution",
      (settings) => {
        const { type, ...modules } = settings;
        const manifest = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
        writeFileSync(join(folder, "package.json"), JSON.stringify({ ...manifest, type }));
        writeFileSync(join(folder, "typed.ts"), TYPED);
        // Once: that the declarations need neither a newer library than the usual one nor the types of Node.js.
        const skipLibCheck = type !== "module" || modules.module !== "nodenext";
        const libraries = { target: "es2022", ...(skipLibCheck && { lib: ["es2022"] }), types: [] };
        const given = { ...modules, ...libraries, skipLibCheck, strict: true, noEmit: true };
        const { options, errors } = ts.convertCompilerOptionsFromJson(given, folder);
        const program = ts.createProgram([join(folder, "typed.ts")], options);
        const texts = [...errors, ...ts.getPreEmitDiagnostics(program)].map(({ messageText }) =>
          ts.flattenDiagnosticMessageText(messageText, "\n"),
        );
        expect(texts).toEqual([]);
      },
    );
  });

  it("without a core warns once, and builds one from source", () => {
    const folder = project("alone");
    succeed(folder, "npm", "install", "--no-audit", "--no-fund", mainTarball());
    writeJob(folder);
    writeFileSync(
      join(folder, "load.mjs"),
      `import { load } from "pairloom/serve"; for (const _ of [1, 2]) await load("run").then((m) => m.predictOne({ user: "u1", price: 2 }));`,
    );
    expect(succeed(folder, BIN, "train", "pairloom.config.ts", "--run", "run")).toContain(
      "Run `npx pairloom build-native` to build it.",
    );
    const warned = succeed(folder, process.execPath, "load.mjs");
    expect(warned.match(/PAIRLOOM_NO_NATIVE_CORE/g)).toHaveLength(1);
    // The clone has compiled the same sources: they are preprocessed, which needs every header, and its objects linked.
    const launcher = join(folder, "compile.sh");
    const script = `#!/bin/sh
for word; do [ "$before" = -o ] && output=$word; before=$word; done
path="$PWD/$output"
object="${join(root, "native/build")}/\${path#*/native/build/}"
[ -f "$object" ] || exec "$@"
"$@" -E && cp "$object" "$output"
`;
    writeFileSync(launcher, script, { mode: 0o755 });
    const setting = `CMAKE_CXX_COMPILER_LAUNCHER=${launcher}`;
    expect(succeed(folder, "env", setting, BIN, "build-native")).toContain(
      join("native", "build", "pairloom.node"),
    );
    expect(succeed(folder, BIN, "train", "pairloom.config.ts", "--run", "again")).toContain("Device: native");
    succeed(folder, "npm", "ci", "--no-audit", "--no-fund");
  }, 1_500_000);
});
