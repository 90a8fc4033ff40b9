/** A command of a block: its words, without comments. */
export type Words = readonly string[];

/** The commands of a block, one per line; a line that ends in a backslash goes on in the next. */
export function commandsOf(block: string): Words[] {
  const lines = block.replaceAll(/\\\n\s*/g, " ").split("\n");
  return lines.map(wordsOf).filter((words) => words.length > 0);
}

/** The words of a line as a shell has them: quotes group, and a word that starts with # starts a comment. */
export function wordsOf(line: string): Words {
  const words: string[] = [];
  for (const [word] of line.matchAll(/(?:'[^']*'|"[^"]*"|[^\s'"])+/g)) {
    if (word.startsWith("#")) break;
    words.push(word.replaceAll(/'([^']*)'|"([^"]*)"/g, (_, single, double) => single ?? double));
  }
  return words;
}
