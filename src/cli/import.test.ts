import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it, vi } from "vitest";
import { runCli } from "./main.js";

const fixtures = new URL("../tzrec/fixtures/", import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), "pairloom-import-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What the command prints for a state dict. */
async function printed(text: string, run: string): Promise<string> {
  const config = join(folder, `${run}.config`);
  writeFileSync(config, text);
  const spies = [
    vi.spyOn(console, "log").mockImplementation(() => {}),
    vi.spyOn(console, "error").mockImplementation(() => {}),
  ];
  const weights = join(fixtures, "dlrm.safetensors");
  const output = join(folder, `${run}.ts`);
  const options = ["--weights", weights, "--run", join(folder, run), "--output", output];
  await runCli(["import", "tzrec", config, ...options]);
  const lines = spies.flatMap((spy) => spy.mock.calls.flat());
  for (const spy of spies) spy.mockRestore();
  return lines.join("\n");
}

it("an import of weights names an evaluation that can be run", async () => {
  const text = readFileSync(join(fixtures, "dlrm.config"), "utf8");
  expect(await printed(text, "my run")).toContain(`Next: npx pairloom eval '${join(folder, "my run")}'\n`);
  const without = text.replace(/eval_input_path.*/, "");
  expect(await printed(without, "bare")).toContain(`eval ${join(folder, "bare")} --data <files with labels>`);
});

it("a config that is not UTF-8 is refused, and a byte order mark is passed over", async () => {
  const config = join(folder, "encoded.config");
  const errors = vi.spyOn(console, "error").mockImplementation(() => {});
  const refusalOf = async (content: string | Buffer) => {
    writeFileSync(config, content);
    await runCli(["import", "tzrec", config]);
    expect(process.exitCode).toBe(1);
    process.exitCode = undefined;
    return errors.mock.lastCall!.join("\n");
  };
  expect(await refusalOf(Buffer.from('train_input_path: "caf\xe9.csv"', "latin1"))).toMatch(
    /cannot be read[\s\S]*UTF-8/,
  );
  expect(await refusalOf('\ufefftrain_input_path: "café.csv"')).toMatch(/:1: data_config is missing/);
  errors.mockRestore();
});
