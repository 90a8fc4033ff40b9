import { expect, it, vi } from "vitest";
import { LaunchedRanks } from "./launched-ranks.js";

const mpirun = { program: "bash", family: "openMpi" } as const;
const HANGS_AFTER = 100;

async function shown(script: string): Promise<{ code: number; out: string }> {
  let out = "";
  const spy = vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    out += text;
    return true;
  });
  try {
    return { code: await new LaunchedRanks(mpirun, ["bash", "-c", script], HANGS_AFTER).end(), out };
  } finally {
    spy.mockRestore();
  }
}

it("lines and the exit code of a launcher are shown as they are for people", async () => {
  const { code, out } = await shown("echo '[1,0]<stdout>:step 1'; echo '[1,2]<stderr>:x'; exit 3");
  expect(out).toBe("step 1\n[2] x\n");
  expect(code).toBe(3);
});

it("a launcher that hangs after the loss of a rank is ended, also where others hold its output open", async () => {
  const lost = "echo '[1,0]<stderr>:pairloom: rank 1 (host b, pid 7) has not been heard of for 20 s'";
  const { code, out } = await shown(`setsid sleep 20 & ${lost}; sleep 20`);
  expect(out).toMatch(/^pairloom: rank 1/);
  expect(code).toBe(128 + 9);
});

it("a process that MPICH names by its id gets its rank", async () => {
  const { out } = await shown(
    "echo 'Ranks, connected by MPICH: 0 on a (pid 12), 1 on b (pid 12)'; echo '=   PID 12 RUNNING AT b'",
  );
  expect(out).toContain("PID 12 RUNNING AT b (rank 1)");
});
