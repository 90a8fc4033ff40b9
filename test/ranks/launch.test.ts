import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it, vi } from "vitest";
import { topologySchema } from "../../src/distributed/topology.js";
import { loadAddon } from "../../src/native/addon.js";
import { cli, PAIRLOOM } from "../cli-world.js";
import { Job, LAUNCHERS } from "./job.js";

const folder = mkdtempSync(join(tmpdir(), "pairloom-ranks-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const output = join(folder, "topology.json");

describe.skipIf(!loadAddon().addon || LAUNCHERS.length === 0)(
  "ranks of the command line",
  { concurrent: true },
  () => {
    it("measure themselves, started by launch; rank 0 prints", async () => {
      const { code, out } = await new Job([
        ...PAIRLOOM,
        "launch",
        "-n",
        "2",
        "doctor",
        "--ranks",
        "--output",
        output,
      ]).end();
      expect(code, out).toBe(0);
      expect(out).toMatch(/^mpirun .*-n 2 .*doctor --ranks/m);
      expect(out.match(/Written to/g)).toHaveLength(1);
      expect(topologySchema.parse(JSON.parse(readFileSync(output, "utf8"))).ranks).toHaveLength(2);
    });

    it("say what to install where there is no library", async () => {
      const launcher = LAUNCHERS[0].command;
      const env = { PAIRLOOM_MPI: join(folder, "libmpi.so") };
      const { code, out } = await new Job(
        [...launcher, "-n", "2", ...PAIRLOOM, "doctor", "--ranks"],
        env,
      ).end();
      expect(code).toBe(1);
      expect(out).toMatch(/no MPI library can be loaded/);
      expect(out).toMatch(/next: +Install it on every machine: apt-get install (openmpi-bin|mpich)/);
    });

    it("are refused by commands that run as one process", async () => {
      const { code, out } = await new Job([...PAIRLOOM, "launch", "-n", "2", "runs"]).end();
      expect(code).toBe(1);
      expect(out.match(/pairloom runs runs as one process/g)).toHaveLength(1);
    });

    it.runIf(LAUNCHERS.length > 1)("say that the library belongs to another launcher", async () => {
      const [{ command }] = LAUNCHERS;
      const env = { PAIRLOOM_MPI: "libmpich.so.12" };
      const { code, out } = await new Job(
        [...command, "-n", "2", ...PAIRLOOM, "doctor", "--ranks"],
        env,
      ).end();
      expect(code).toBe(1);
      expect(out).toMatch(/the MPI library does not belong to the launcher/);
    });
  },
);

it.each([
  ["refuses a command", 1, ["runs"]],
  ["refuses an option", 1, ["train", "--bogus"]],
  ["knows no such command", 1, ["trian"]],
  ["prints help", 0, ["train", "--help"]],
  ["prints its version", 0, ["--version"]],
])("only rank 0 speaks where Pairloom %s, and the others end without an error", async (_, code, args) => {
  vi.stubEnv("PMI_SIZE", "2");
  vi.stubEnv("PMI_RANK", "0");
  const first = await cli(...args);
  vi.stubEnv("PMI_RANK", "1");
  const other = await cli(...args);
  vi.unstubAllEnvs();
  expect(first.code).toBe(code);
  expect(first.out + first.err).not.toBe("");
  expect(other).toEqual({ code: 0, out: "", err: "" });
});
