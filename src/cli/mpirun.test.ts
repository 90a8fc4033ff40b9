import { describe, expect, it } from "vitest";
import { ExecutionError } from "../errors.js";
import { findMpirun, mpirunCommand, readableLine } from "./mpirun.js";

const command = ["node", "bin/pairloom.js", "train", "c.ts"];
const local = { ranks: 4, hosts: [], command, isRoot: false };

describe("the command that starts ranks", () => {
  it.each([
    ["openMpi", local, "mpirun --tag-output --oversubscribe --bind-to none -n 4"],
    [
      "openMpi",
      { ...local, isRoot: true },
      "mpirun --allow-run-as-root --tag-output --oversubscribe --bind-to none -n 4",
    ],
    [
      "openMpi",
      { ...local, hosts: ["a", "b", "c"] },
      "mpirun --tag-output --oversubscribe --bind-to none --host a:2,b:2,c:2 -n 4",
    ],
    ["mpich", { ...local, isRoot: true }, "mpirun -prepend-rank -n 4"],
    ["mpich", { ...local, hosts: ["a", "b"] }, "mpirun -prepend-rank -hosts a,b -ppn 2 -n 4"],
  ] as const)("of %s for %o", (family, ranks, line) => {
    expect(mpirunCommand({ program: "mpirun", family }, ranks).join(" ")).toBe(
      `${line} ${command.join(" ")}`,
    );
  });

  it("needs a launcher, and says how to get one", () => {
    expect(() => findMpirun(["no-such-program"])).toThrow(ExecutionError);
    expect(() => findMpirun(["no-such-program"])).toThrow(/apt-get install openmpi-bin/);
  });
});

it.each([
  ["[1,0]<stdout>:step 1", "step 1"],
  ["[1,3]<stderr>:error: x", "[3] error: x"],
  ["[1,0]<stderr>:  got: y", "  got: y"],
  ["[1,0]<stdout>:a long[1,0]<stdout>: line", "a long line"],
  ["[0] step 1", "step 1"],
  ["[0] step [0] 1", "step [0] 1"],
  ["[12] error: x", "[12] error: x"],
  ["[1,0]<stdout>:", ""],
  ["mpirun noticed that process rank 1", "mpirun noticed that process rank 1"],
])("people read %j as %j", (line, text) => {
  expect(readableLine(line)).toBe(text);
});
