import { describe, expect, it } from "vitest";
import { launcherOf } from "./launcher.js";

describe("the launcher of this process", () => {
  it.each([
    ["nothing", {}],
    ["mpirun with one rank", { OMPI_COMM_WORLD_SIZE: "1" }],
    ["the script of a batch job", { SLURM_JOB_ID: "7", SLURM_NTASKS: "4", SLURM_PROCID: "0" }],
  ])("is none for %s", (_, env) => {
    expect(launcherOf(env)).toBeUndefined();
  });

  it.each([
    [{ OMPI_COMM_WORLD_SIZE: "4", PMIX_RANK: "1" }, 4, "libmpi.so.40", "openmpi-bin"],
    [{ PMI_SIZE: "3", PMI_RANK: "0" }, 3, "libmpi.so.12", "mpich"],
    [{ SLURM_STEP_NUM_TASKS: "8", PMIX_RANK: "2" }, 8, "libmpi.so.40", "openmpi-bin"],
    [{ SLURM_STEP_NUM_TASKS: "8", PMI_SIZE: "8", PMI_RANK: "2" }, 8, "libmpi.so.12", "mpich"],
    [{ SLURM_STEP_NUM_TASKS: "1", OMPI_COMM_WORLD_SIZE: "2" }, 2, "libmpi.so.40", "openmpi-bin"],
  ])("of %o", (env, ranks, library, install) => {
    const launcher = launcherOf(env, "linux");
    expect(launcher?.ranks).toBe(ranks);
    expect(launcher?.libraries[0]).toBe(library);
    expect(launcher?.libraries).toContain("libmpi_abi.so.0");
    expect(launcher?.install).toContain(install);
  });

  it("uses the library that PAIRLOOM_MPI names, and no other", () => {
    const env = { OMPI_COMM_WORLD_SIZE: "2", PAIRLOOM_MPI: "/opt/mpi/libmpi.so" };
    expect(launcherOf(env)?.libraries).toEqual(["/opt/mpi/libmpi.so"]);
  });

  it("knows the names of libraries on macOS", () => {
    expect(launcherOf({ PMI_SIZE: "2" }, "darwin")?.libraries[0]).toBe("libmpi.12.dylib");
  });
});
