import { type ParseArgsConfig, parseArgs } from "node:util";
import { withOptionNames } from "./option-name.js";
import { UsageError } from "./usage.js";

/**
 * The arguments of a script that npm runs; `undefined` after `--help`, which prints the usage.
 * @throws UsageError for options that the script does not have
 */
export function scriptArguments<const T extends ParseArgsConfig>(
  usage: string,
  config: T,
  argv: readonly string[] = process.argv.slice(2),
): ReturnType<typeof parseArgs<T>> | undefined {
  if (argv.includes("--help") || argv.includes("-h")) {
    console.log(`Usage: ${usage}`);
    return undefined;
  }
  try {
    return parseArgs({ ...config, args: [...argv] }) as ReturnType<typeof parseArgs<T>>;
  } catch (error) {
    const { code = "", message } = error as NodeJS.ErrnoException;
    if (!code.startsWith("ERR_PARSE_ARGS")) throw error;
    throw new UsageError({
      what: withOptionNames(message.split(/\.\s/)[0]),
      expected: usage,
      next: "Run it with --help for its usage.",
    });
  }
}
