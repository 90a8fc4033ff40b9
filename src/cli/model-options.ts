import { availableParallelism } from "node:os";
import { together } from "../distributed/agree.js";
import type { World } from "../distributed/world.js";
import { BUILD_COMMAND } from "../native/find-core.js";
import { BACKEND_NAMES, type SelectedBackend, selectBackend } from "../saved/backend.js";
import { type CheckpointChoice, findCheckpoint, withCheckpoint } from "../saved/find-checkpoint.js";
import { openModel, openSharedModel, type SharedModel, type TrainedModel } from "../saved/model.js";
import { INFERENCE_BATCH } from "../train/evaluate.js";
import { factsOf, readTold, type ToldCheckpoint, toldByRank0 } from "../train/shared-checkpoints.js";
import { version } from "../version.js";
import { refuseReference, threadsOfRank } from "./on-ranks.js";
import { settingsOf, settingsOption } from "./settings-option.js";
import { choiceOption, countOption, MAX_THREADS, UsageError } from "./usage.js";

export const importModulesOption = {
  type: "boolean",
  description: "Import the modules that the checkpoint names (custom features, own model), if unchanged",
} as const;

/** The options of commands that use a trained model. */
export const modelOptions = {
  run: { type: "positional", description: "Run directory, or one of its checkpoints", required: true },
  checkpoint: {
    type: "string",
    valueHint: "best|latest|step",
    description: "Which checkpoint (default best)",
  },
  threads: { type: "string", valueHint: "n", description: "Native threads (default: all processors)" },
  backend: {
    type: "string",
    valueHint: BACKEND_NAMES.join("|"),
    description: "Default: native, if its core is installed or built",
  },
  "import-modules": importModulesOption,
  ...settingsOption,
} as const;

export interface ModelArgs {
  readonly run: string;
  readonly checkpoint?: string;
  readonly threads?: string;
  readonly backend?: string;
  readonly "import-modules"?: boolean;
}

export async function openModelOf(args: ModelArgs, rawArgs: readonly string[]): Promise<TrainedModel> {
  const { backend, threads, fallback } = scoringOf(args);
  if (fallback !== undefined)
    console.error(
      `Using the reference backend, which is many times slower: ${fallback}. Run \`${BUILD_COMMAND}\` to build it.`,
    );
  const choice = checkpointChoice(args.checkpoint);
  const code = { importModules: args["import-modules"], settings: settingsOf(rawArgs) };
  return withCheckpoint(
    () => findCheckpoint(args.run, choice, console.error),
    (checkpoint) => openModel(checkpoint, { backend, maxBatch: INFERENCE_BATCH, threads, ...code }),
  );
}

/** The model of a command that scores on all ranks: each has its share of the tables. One process has all of it. */
export async function openModelOn(
  world: World,
  args: ModelArgs,
  rawArgs: readonly string[],
): Promise<TrainedModel | SharedModel> {
  if (world.size === 1) return openModelOf(args, rawArgs);
  refuseReference(world, args.backend);
  const processors = await threadsOfRank(world);
  const { backend } = selectBackend(choiceOption("backend", args.backend, BACKEND_NAMES));
  const threads = countOption("threads", args.threads, MAX_THREADS) ?? processors;
  const choice = checkpointChoice(args.checkpoint);
  const settings = settingsOf(rawArgs);
  const code = { importModules: args["import-modules"], settings };
  const open = async (chosen: ToldCheckpoint) =>
    openSharedModel(await readTold(chosen, ["model"]), { backend, threads, world, ...code });
  return withCheckpoint(
    () => toldByRank0(world, () => findCheckpoint(args.run, choice, console.error)),
    (chosen) =>
      together(
        world,
        () => open(chosen),
        ({ checkpoint }) => ({
          "the version of Pairloom": version,
          "the settings": JSON.stringify(settings),
          ...factsOf(checkpoint),
        }),
      ),
    world,
  );
}

/** What scores: the backend, why it is not the one that was wished for, and its threads. */
export function scoringOf(
  args: Pick<ModelArgs, "backend" | "threads">,
): SelectedBackend & { threads: number } {
  const threads = countOption("threads", args.threads, MAX_THREADS) ?? availableParallelism();
  return { ...selectBackend(choiceOption("backend", args.backend, BACKEND_NAMES)), threads };
}

export function checkpointChoice(text: string | undefined): CheckpointChoice | undefined {
  if (text === undefined || text === "best" || text === "latest") return text;
  const step = Number(/^(?:step-)?(\d+)$/.exec(text)?.[1]);
  if (Number.isInteger(step)) return step;
  throw new UsageError({
    what: "--checkpoint has an unknown value",
    got: text,
    expected: "best, latest, or a step such as 1200",
    next: "`npx pairloom inspect <run>` lists the checkpoints of a run.",
  });
}
