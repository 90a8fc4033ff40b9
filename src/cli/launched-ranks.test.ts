import { expect, it, vi } from "vitest";
import { LaunchedRanks } from "./launched-ranks.js";

const mpirun = { program: "bash", family: "openMpi" } as const;
const HANGS_AFTER = 100;

interface Shown {
  readonly code: number;
  readonly out: string;
  readonly areSilent: boolean;
}

async function shown(script: string): Promise<Shown> {
  let out = "";
  const spy = vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    out += text;
    return true;
  });
  try {
    const ranks = new LaunchedRanks(mpirun, ["bash", "-c", script], HANGS_AFTER);
    return { code: await ranks.end(), out, areSilent: ranks.areSilent };
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

it.each([
  ["ssh: connect to host b port 22: Connection refused"],
  ["root@b: Permission denied (publickey,password)."],
  ["Host key verification failed."],
])("a launcher that waits for a machine without a connection is ended: %s", async (line) => {
  const { code, out, areSilent } = await shown(`echo '${line}'; sleep 20`);
  expect(out).toBe(`${line}\n`);
  expect(code).toBe(128 + 9);
  expect(areSilent).toBe(true);
});

it("a launcher whose ranks run is not ended for what ssh has said", async () => {
  const { code, areSilent } = await shown("echo 'ssh: x'; echo '[1,1]<stdout>:step 1'; sleep 0.5; exit 4");
  expect(code).toBe(4);
  expect(areSilent).toBe(false);
});
