import { CheckpointError } from "../../errors.js";
import { type SearchReport, searchRun } from "../../run/search/search.js";
import { BACKEND_NAMES, selectBackend } from "../../saved/backend.js";
import { loadConfig } from "../../saved/config-file.js";
import { newRunDirectory } from "../../saved/run-directory.js";
import { shellWord } from "../../shell-word.js";
import { EXIT } from "../failure.js";
import { filled } from "../fill-lines.js";
import { Interrupt } from "../interrupt.js";
import { modelOptions } from "../model-options.js";
import { SearchDisplay } from "../search-display.js";
import { settingWords } from "../setting-words.js";
import { settingsOf, settingsOption } from "../settings-option.js";
import { choiceOption, command, countOption, UsageError } from "../usage.js";

export const search = command(
  "search",
  {
    config: {
      type: "positional",
      description: "Config file, or the folder of a pairloom.config.ts",
      required: true,
    },
    trials: { type: "string", valueHint: "n", description: "Number of trials (default 30)" },
    minutes: { type: "string", valueHint: "n", description: "Time for the whole search (default no limit)" },
    seed: { type: "string", valueHint: "n", description: "Seed of the settings to try (default 1)" },
    run: {
      type: "string",
      valueHint: "dir",
      description: "Directory of the search (default runs/<folder>-<time>)",
    },
    resume: { type: "boolean", description: "Continue the search of --run" },
    backend: modelOptions.backend,
    ...settingsOption,
  },
  async (args, rawArgs) => {
    if (args.resume && args.run === undefined) throw withoutDirectory();
    const { backend } = selectBackend(choiceOption("backend", args.backend, BACKEND_NAMES));
    const trials = countOption("trials", args.trials);
    const seed = countOption("seed", args.seed);
    const minutes = minutesOption(args.minutes);
    const { written, path: configPath } = await loadConfig(args.config, settingsOf(rawArgs));
    const runDir = args.run ?? newRunDirectory(configPath);
    const display = new SearchDisplay();
    const interrupt = new Interrupt(() =>
      display.log("Stopping after this step. Press Ctrl-C again to end at once."),
    );
    const { resume } = args;
    const listener = (event: Parameters<SearchDisplay["listen"]>[0]) => {
      if (event.kind === "searchStarted") interrupt.ask();
      display.listen(event);
    };
    process.once("exit", () => display.stop());
    try {
      const { signal } = interrupt;
      const options = { runDir, backend, trials, minutes, seed, resume, configPath, signal, listener };
      const report = await searchRun(written, options);
      display.stop();
      tellReport(report, runDir, rawArgs);
    } finally {
      display.stop();
      interrupt.stop();
    }
  },
);

function tellReport(
  { reason, metric, results, best }: SearchReport,
  directory: string,
  rawArgs: readonly string[],
): void {
  if (best) {
    console.log(`\nBest: trial ${best.trial}, valid ${metric} ${best.value.toFixed(4)}, with`);
    console.log(filled(`  ${settingWords(best.settings) || "the settings of the config"}`, "  "));
    console.log(`Run directory: ${best.runDir}`);
  } else if (results.length > 0)
    console.log(filled(`\nAll ${results.length} trials failed: ${results[0].failure}`, "  "));
  else console.log("\nNo trial reached its first evaluation.");
  const test = best?.report?.results[0]?.[metric as "auc"];
  if (typeof test === "number")
    console.log(`Measured on the ${best!.report!.measuredOn} split: ${metric} ${test.toFixed(4)}`);
  if (reason !== "finished") {
    console.log(reason === "time" ? "The time is over. To continue:" : "Interrupted. To continue:");
    console.log(`  npx pairloom search ${resumeArgs(rawArgs, directory)}`);
  }
  console.log(`All trials: npx pairloom runs ${shellWord(directory)}`);
  if (reason === "interrupted") process.exitCode = EXIT.interrupted;
  else if (!best) process.exitCode = EXIT.user;
}

/** The arguments of the command line, with the directory and `--resume`. */
function resumeArgs(rawArgs: readonly string[], directory: string): string {
  const kept = rawArgs.filter((arg, i) => !/^--(run|resume)(=|$)/.test(arg) && rawArgs[i - 1] !== "--run");
  return [...kept, "--run", directory, "--resume"].map(shellWord).join(" ");
}

function minutesOption(text: string | undefined): number | undefined {
  if (text === undefined || Number(text) > 0) return text === undefined ? undefined : Number(text);
  throw new UsageError({
    what: "--minutes needs a number above 0",
    got: text,
    next: "For example --minutes 10.",
  });
}

function withoutDirectory(): CheckpointError {
  return new CheckpointError({
    what: "there is no search to resume",
    where: "--resume",
    got: "no --run",
    expected: "the directory of the search",
    next: "Name it with --run, as the interrupted search has printed it.",
  });
}
