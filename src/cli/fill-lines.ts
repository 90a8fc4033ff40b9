/** Columns of a terminal: no output is wider, except for single words. */
export const TERMINAL_WIDTH = 80;

/** A line that begins with `head`, and further ones with `indent`, of at most `width` characters where a word fits into one. */
export function fillLines(
  head: string,
  words: readonly string[],
  indent: string,
  width = TERMINAL_WIDTH,
): string[] {
  const lines = [head];
  for (const word of words) {
    const last = lines[lines.length - 1];
    if (last.length + 1 + word.length <= width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(indent + word);
  }
  return lines;
}

/** A text for the terminal, broken at spaces; all lines but the first begin with `indent`. */
export function filled(text: string, indent = ""): string {
  const [head, ...words] = text.split(" ");
  return fillLines(head, words, indent).join("\n");
}

/** What deserves a look, on standard error. */
export function showWarnings(texts: readonly string[]): void {
  for (const text of texts) console.error(filled(`Warning: ${text}`, "  "));
}

/** Each part but the last with a comma after it. */
export const withCommas = (parts: readonly string[]): string[] =>
  parts.map((part, i) => (i < parts.length - 1 ? `${part},` : part));
