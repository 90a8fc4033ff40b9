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
    expect(printed(error)).toBe("error: ENOSPC: no space left on device, write");
  });

  it("of ours shows its stack and asks for a report, exit code 2", () => {
    const error = new TypeError("x is not a function");
    expect(exitCodeOf(error)).toBe(2);
    expect(printed(error)).toMatch(/TypeError: x is not a function\n +at [\s\S]*Please report it/);
  });
});
