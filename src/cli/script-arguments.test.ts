import { describe, expect, it, vi } from "vitest";
import { scriptArguments } from "./script-arguments.js";
import { UsageError } from "./usage.js";

const usage = "npm run figure -- [NAME…] [--rounds N]";
const config = { allowPositionals: true, options: { rounds: { type: "string", default: "5" } } } as const;

describe("the arguments of a script", () => {
  it("are options with defaults, and names", () => {
    const { values, positionals } = scriptArguments(usage, config, ["speed", "--rounds", "2"])!;
    expect([values.rounds, positionals]).toEqual(["2", ["speed"]]);
    expect(scriptArguments(usage, config, [])!.values.rounds).toBe("5");
  });

  it.each(["--help", "-h"])("print the usage for %s", (flag) => {
    const log = vi.spyOn(console, "log").mockImplementation(() => undefined);
    expect(scriptArguments(usage, config, [flag])).toBeUndefined();
    expect(log).toHaveBeenCalledWith(`Usage: ${usage}`);
    log.mockRestore();
  });

  it("are refused where the script does not have them", () => {
    expect(() => scriptArguments(usage, config, ["--round", "2"])).toThrow(UsageError);
    expect(() => scriptArguments(usage, config, ["--round", "2"])).toThrow(
      /'--round'\n +expected: npm run figure/,
    );
    expect(() => scriptArguments(usage, config, ["--rounds"])).toThrow(UsageError);
  });
});
