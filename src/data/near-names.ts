/** Names close to a mistyped one, best first: at most `limit`, or all of a short list when none is close. */
export function nearNames(name: string, known: readonly string[], limit = 5): string[] {
  const wanted = name.toLowerCase();
  const ranked = known
    .map((candidate) => ({ candidate, distance: editDistance(wanted, candidate.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance);
  const close = ranked.filter(({ distance }) => distance <= Math.max(2, Math.floor(name.length / 3)));
  const chosen =
    close.length > 0 ? close.slice(0, limit) : known.map((candidate) => ({ candidate })).slice(0, 40);
  return chosen.map(({ candidate }) => candidate);
}

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
