import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, it, vi } from "vitest";
import { ConfigError } from "../errors.js";
import { exitCodeOf, printError } from "./failure.js";

function printed(error: unknown): string {
  const spy = vi.spyOn(console, "error").mockImplementation(() => {});
  printError(error);
  const text = spy.mock.calls.flat().join("\n");
  spy.mockRestore();
  return text;
}

describe("a failure", () => {
  it("caused by the user is a message without a stack, with exit code 1", () => {
    const error = new ConfigError({
      what: "no such key",
      where: "train.x",
      got: "1",
      expected: "y",
      next: "Drop it.",
    });
    expect(exitCodeOf(error)).toBe(1);
    expect(printed(error)).toBe(
      "error: train.x: no such key\n  got:      1\n  expected: y\n  next:     Drop it.",
    );
  });

  it("of the machine, such as a full disk, is one too", () => {
    const error = Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });
    expect(exitCodeOf(error)).toBe(1);
    expect(printed(error)).toMatch(
      /^error: the operating system refused a file operation\n {2}got: {6}ENOSPC: no space left on device, write\n {2}next: {5}Free space /,
    );
  });

  it.each(["EMFILE", "ENFILE"])("of Node's loader without a free file (%s) says what to do", (code) => {
    const error = Object.assign(new Error(`${code}: too many open files, open '/a/b.js'`), {
      ...{ code, path: "/a/b.js" },
    });
    expect(exitCodeOf(error)).toBe(1);
    expect(printed(error)).toMatch(
      /^error: \/a\/b\.js: the operating[\s\S]*next: {5}Raise the limit of open files/,
    );
  });

  it("to load Pairloom itself is a message, with any limit of open files that Node can start with", () => {
    const bin = fileURLToPath(new URL("../../bin/pairloom.js", import.meta.url));
    const run = (limit: number) =>
      spawnSync("sh", ["-c", `ulimit -n ${limit}; exec "$0" "${bin}" doctor`, process.execPath], {
        encoding: "utf8",
      });
    for (const limit of [19, 20, 22, 24, 26, 32]) {
      const { status, stderr } = run(limit);
      if (stderr.includes("executeUserEntryPoint")) continue; // Node could not open the script
      expect(stderr).toMatch(/^error: [^\n]*\n {2}got: {6}EMFILE[^\n]*\n {2}next: {5}Raise [^\n]*\n$/);
      expect(status).toBe(1);
    }
  });

  it("of ours shows its stack and asks for a report, exit code 2", () => {
    const error = new TypeError("x is not a function");
    expect(exitCodeOf(error)).toBe(2);
    expect(printed(error)).toMatch(/TypeError: x is not a function\n +at [\s\S]*Please report it/);
  });
});
