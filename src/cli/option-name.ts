/** An option as people type it: `--threads`, and `-n` where its name is one letter. */
export const optionName = (name: string): string => `${name.length === 1 ? "-" : "--"}${name}`;

/** A message of a library that parses command lines: such libraries write `--n` or `-n, --n` for `-n`. */
export const withOptionNames = (message: string): string =>
  message.replaceAll(/(?:-\w, )?--(\w)(?![\w-])/g, "-$1");
