import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { onDiskSync } from "../../checkpoint/index.js";
import { printConfig } from "../../config/print-config.js";
import { messageOf } from "../../errors.js";
import { shellWord } from "../../shell-word.js";
import { type ImportedConfig, importPipeline } from "../../tzrec/import-config.js";
import { ImportError } from "../../tzrec/import-error.js";
import { choiceOption, command, UsageError } from "../usage.js";

const SYSTEMS = ["tzrec"] as const;

export const importConfig = command(
  "import",
  {
    system: { type: "positional", description: "The other system: tzrec (TorchEasyRec)", required: true },
    config: { type: "positional", description: "Its config: pipeline.config", required: true },
    output: {
      type: "string",
      valueHint: "file",
      description: "Where to write the config (default pairloom.config.ts)",
    },
    weights: {
      type: "string",
      valueHint: "file",
      description: "A state dict saved as safetensors, to make a checkpoint from; needs --run",
    },
    run: { type: "string", valueHint: "dir", description: "With --weights: the new run directory" },
  },
  async (args) => {
    choiceOption("system", args.system, SYSTEMS);
    if ((args.weights === undefined) !== (args.run === undefined))
      throw new UsageError({
        what: "--weights and --run must be used together",
        next: "For example: --weights model.safetensors --run runs/imported.",
      });
    const imported = importPipeline(read(args.config), args.config);
    for (const warning of imported.warnings) console.error(`warning: ${warning}`);
    const output = args.output ?? "pairloom.config.ts";
    refuseExisting(output);
    // Weights that do not fit leave no config behind, so that the command can be repeated.
    if (args.weights !== undefined && args.run !== undefined) await weights(imported, args.weights, args.run);
    const text = printConfig(imported.input, {
      head: [`Made from ${args.config} by \`pairloom import tzrec\`.`],
    });
    onDiskSync("the config cannot be written", output, () => writeFileSync(output, text));
    console.log(`Wrote ${output}. Next: npx pairloom train ${shellWord(output)}`);
  },
);

async function weights(imported: ImportedConfig, file: string, run: string): Promise<void> {
  const { importWeights } = await import("../../tzrec/import-weights.js");
  const { matched, missing, unused, warnings } = await importWeights(imported, file, run);
  for (const warning of warnings) console.error(`warning: ${warning}`);
  console.log(`Matched ${matched.length} parameters:`);
  for (const { name, from } of matched) console.log(`  ${name} <- ${from}`);
  list("Not in TorchEasyRec's model, so zero", missing);
  list("In the state dict, but not used", unused);
  const next = imported.config.data.valid
    ? ""
    : " --data <files with labels>, as the config has no eval_input_path";
  console.log(`\nWrote a checkpoint to ${run}. Next: npx pairloom eval ${shellWord(run)}${next}\n`);
}

function list(title: string, names: readonly string[]): void {
  if (names.length > 0) console.log(`\n${title}:\n${names.map((name) => `  ${name}`).join("\n")}`);
}

function read(file: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(readFileSync(file));
  } catch (cause) {
    throw new ImportError(
      {
        what: "the config cannot be read",
        where: file,
        got: messageOf(cause),
        next: "Check the path, and that the file is a text in UTF-8.",
      },
      { cause },
    );
  }
}

/** The user may have edited the config. */
function refuseExisting(output: string): void {
  if (!existsSync(output)) return;
  throw new UsageError({
    what: "the config already exists and is not overwritten",
    where: output,
    next: "Remove it, or name another file with --output.",
  });
}
