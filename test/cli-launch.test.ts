import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterAll, expect, it, vi } from "vitest";
import { cli } from "./cli-world.js";

const folder = mkdtempSync(join(tmpdir(), "pairloom-launch-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What launch does with a launcher that is a script of a shell. */
async function launchBy(script: string, ...args: string[]) {
  const file = join(folder, "mpirun");
  writeFileSync(file, `#!/bin/sh\n[ "$1" = --version ] && echo 'mpirun (Open MPI) 4' && exit\n${script}\n`);
  chmodSync(file, 0o755);
  vi.stubEnv("PATH", `${folder}${delimiter}${process.env.PATH}`);
  const spy = vi.spyOn(process.stdout, "write").mockReturnValue(true);
  try {
    return await cli("launch", ...args);
  } finally {
    spy.mockRestore();
    vi.unstubAllEnvs();
  }
}

it.each(["", ",", "a,,b", "a,", "a b", "a:4,b", "-x"])("--hosts=%s is refused", async (hosts) => {
  const { code, err } = await launchBy("echo started >&2", "-n", "2", `--hosts=${hosts}`, "runs");
  expect(code).toBe(1);
  expect(err).toContain(
    `--hosts: not all of these are names of machines\n  got:      ${JSON.stringify(hosts)}\n`,
  );
  expect(err).not.toContain("started");
});

it("starts ranks on machines whose names have blanks beside them", async () => {
  const { code, err } = await launchBy("exit 0", "-n", "4", "--hosts", "a, user@b.c", "runs");
  expect(code).toBe(0);
  expect(err).toMatch(/^mpirun .* --host a:2,user@b\.c:2 -n 4 /);
});

it.each([
  ["", "-n"],
  ["-n", "COMMAND"],
  ["-n 0", "-n needs an integer above 0"],
  ["-n --hosts a", "'-n' argument is ambiguous"],
])("names -n as people type it: %j", async (args, named) => {
  const { code, err } = await cli("launch", ...args.split(" ").filter(Boolean), "runs");
  expect(code).toBe(1);
  expect(err).toContain(named);
  expect(err).not.toContain("--n ");
});

it("help after the command is that of the command", async () => {
  expect(await cli("launch", "-n", "2", "train", "--help")).toEqual(await cli("train", "--help"));
  expect(await cli("launch", "-n", "2", "eval", "runs/x", "-h")).toEqual(await cli("eval", "-h"));
  for (const args of [["--help"], ["-n", "2", "--help"], ["-h", "-n", "2", "train"]])
    expect((await cli("launch", ...args)).out).toContain("Usage: npx pairloom launch -n ranks");
});

it("says what machines need where the launcher fails before ranks have started", async () => {
  const fails = "echo 'ssh: Could not resolve hostname b' >&2; exit 255";
  const { code, err } = await launchBy(fails, "-n", "2", "--hosts", "a,b", "runs");
  expect(code).toBe(1);
  expect(err).toContain("error: a, b: mpirun has ended before any rank said anything");
  expect(err).toContain("`ssh a hostname` must work without a password, and so it must for each machine");
});

it.each([
  ["a rank has told the reason", "echo '[1,0]<stderr>:error: x' >&2; exit 3", ["--hosts", "a,b"]],
  ["there are no other machines", "exit 3", []],
])("says nothing of machines where %s", async (_, script, hosts) => {
  const { code, err } = await launchBy(script, "-n", "2", ...hosts, "runs");
  expect(code).toBe(3);
  expect(err).not.toContain("ssh");
});
