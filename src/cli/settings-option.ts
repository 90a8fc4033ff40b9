import { parseSetting, type Setting } from "../config/settings.js";

/** An option of every command that reads a config. */
export const settingsOption = {
  set: {
    type: "string",
    valueHint: "path=value",
    description: "Replace a value of the config, such as train.batchSize=512 (may be repeated)",
  },
} as const;

/** The settings of the command line, in order. @throws ConfigError for a malformed one */
export function settingsOf(rawArgs: readonly string[]): Setting[] {
  return settingTexts(rawArgs).map(parseSetting);
}

/** The values of every `--set`, which citty alone would reduce to the last one. */
export function settingTexts(rawArgs: readonly string[]): string[] {
  return rawArgs.flatMap((arg, i) => {
    if (arg.startsWith("--set=")) return [arg.slice("--set=".length)];
    return rawArgs[i - 1] === "--set" ? [arg] : [];
  });
}
