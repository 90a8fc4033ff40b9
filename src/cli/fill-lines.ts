/** A line that begins with `head`, and further ones with `indent`, of at most `width` characters where a word fits into one. */
export function fillLines(head: string, words: readonly string[], width: number, indent: string): string[] {
  const lines = [head];
  for (const word of words) {
    const last = lines[lines.length - 1];
    if (last.length + 1 + word.length <= width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(indent + word);
  }
  return lines;
}

/** Each part but the last with a comma after it. */
export const withCommas = (parts: readonly string[]): string[] =>
  parts.map((part, i) => (i < parts.length - 1 ? `${part},` : part));
