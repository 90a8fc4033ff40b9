import type { Launcher } from "../distributed/process-world.js";

type Environment = Readonly<Record<string, string | undefined>>;

/** File names of the libraries, by what they follow. */
const LIBRARIES = {
  linux: {
    openMpi: ["libmpi.so.40", "libmpi.so"],
    mpich: ["libmpi.so.12", "libmpich.so.12"],
    standard: ["libmpi_abi.so.0"],
  },
  darwin: {
    openMpi: ["libmpi.40.dylib", "libmpi.dylib"],
    mpich: ["libmpi.12.dylib", "libpmpi.12.dylib"],
    standard: ["libmpi_abi.0.dylib"],
  },
} as const;

const INSTALL = { openMpi: "apt-get install openmpi-bin", mpich: "apt-get install mpich" } as const;

/** Launchers by the variables that tell the number of ranks and the rank. */
const LAUNCHERS = [
  {
    size: "OMPI_COMM_WORLD_SIZE",
    rank: "OMPI_COMM_WORLD_RANK",
    name: "mpirun of Open MPI",
    library: "openMpi",
  },
  { size: "PMI_SIZE", rank: "PMI_RANK", name: "mpirun of the MPICH family", library: "mpich" },
  { size: "SLURM_STEP_NUM_TASKS", rank: "SLURM_PROCID", name: "srun", library: "openMpi" },
] as const;

/**
 * What has started this process as one of several ranks; undefined if nothing has. Slurm tells the tasks of a job step,
 * which the script of a batch job is not.
 */
export function launcherOf(env: Environment, platform = process.platform): Launcher | undefined {
  const found = LAUNCHERS.find(({ size }) => env[size] !== undefined);
  const ranks = Number(found && env[found.size]);
  if (!found || !(ranks > 1)) return undefined;
  const { name, library } = found;
  const rank = Number(env[found.rank] ?? 0);
  return { name, ranks, rank, libraries: librariesOf(env, library, platform), install: INSTALL[library] };
}

/** The launcher's own library first. Libraries with the standard ABI of MPI 5 come with either. */
function librariesOf(
  { PAIRLOOM_MPI }: Environment,
  first: "openMpi" | "mpich",
  platform: NodeJS.Platform,
): string[] {
  if (PAIRLOOM_MPI) return [PAIRLOOM_MPI];
  const { openMpi, mpich, standard } = LIBRARIES[platform === "darwin" ? "darwin" : "linux"];
  const families = first === "openMpi" ? [openMpi, standard, mpich] : [mpich, standard, openMpi];
  return families.flat();
}
