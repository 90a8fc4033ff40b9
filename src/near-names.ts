/** Names similar to a misspelled one, best first: at most `limit`; if none is similar, all names of a short list. */
export function nearNames(name: string, known: readonly string[], limit = 5): string[] {
  const close = closeNames(name, known);
  return close.length > 0 ? close.slice(0, limit) : known.slice(0, 40);
}

/** What was expected in place of a name: {@link nearNames}, and how many more there are. */
export function oneOf(name: string, known: readonly string[]): string {
  const near = nearNames(name, known);
  const others = known.length - near.length;
  return `one of ${near.join(", ")}${others > 0 ? ` (${others} more not shown)` : ""}`;
}

/** Names similar to a misspelled one, best first. */
export function closeNames(name: string, known: readonly string[]): string[] {
  const wanted = plain(name);
  const most = Math.max(2, Math.floor(name.length / 3));
  if (name.length > LONGEST) return [];
  return known
    .filter((candidate) => candidate.length <= LONGEST)
    .slice(0, MOST_NAMES)
    .map((candidate) => ({ candidate, distance: editDistance(wanted, plain(candidate)) }))
    .filter(({ candidate, distance }) => distance <= most && distance < longest(wanted, plain(candidate)))
    .sort((a, b) => a.distance - b.distance)
    .map(({ candidate }) => candidate);
}

/** Names at this distance have nothing in common. */
const longest = (a: string, b: string) => Math.max(1, a.length, b.length);

/** Longer names are not compared: the time grows with the product of the lengths. */
const LONGEST = 256;

/** So many are compared: a row from anyone may have hundreds of thousands of members. */
const MOST_NAMES = 10_000;

/** Case and separators are the most common mistakes: `z-score` for `zscore`, `batch_size` for `batchSize`. */
const plain = (name: string) => name.toLowerCase().replaceAll(/[\s_-]/g, "");

/** Levenshtein distance, one row of the table at a time. */
function editDistance(a: string, b: string): number {
  let above = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++)
      row.push(Math.min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1)));
    above = row;
  }
  return above[b.length];
}
