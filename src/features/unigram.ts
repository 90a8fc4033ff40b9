/** The part of the library's Unigram model that {@link likeliestPieces} uses. */
export interface UnigramModel {
  readonly tokens_to_ids: ReadonlyMap<string, number>;
  /** Logarithms of probabilities, by id. */
  readonly scores: readonly number[];
  /** The score of a character that is no token. */
  readonly unk_score: number;
  readonly trie: {
    /** All tokens that these characters begin with, from here on. */
    common_prefix_search(characters: readonly string[], start: number): Iterable<string>;
  };
}

/**
 * Splits a word into the pieces with the highest sum of scores: the Viterbi algorithm of SentencePiece. The library
 * keeps every token at every place, and copies them: a gigabyte for a text of 500,000 characters. This keeps the best piece that
 * ends at each place.
 */
export function likeliestPieces(model: UnigramModel, word: string): string[] {
  const { trie, tokens_to_ids: ids, scores, unk_score: unknown } = model;
  const characters = Array.from(word);
  const best = new Float64Array(characters.length + 1);
  const begins = new Int32Array(characters.length + 1).fill(-1);
  const offer = (begin: number, end: number, score: number) => {
    const sum = best[begin] + score;
    if (begins[end] >= 0 && sum <= best[end]) return;
    best[end] = sum;
    begins[end] = begin;
  };
  for (let begin = 0; begin < characters.length; begin++) {
    let isToken = false;
    for (const token of trie.common_prefix_search(characters, begin)) {
      const length = token.length === 1 ? 1 : Array.from(token).length;
      offer(begin, begin + length, scores[ids.get(token)!]);
      isToken ||= length === 1;
    }
    if (!isToken) offer(begin, begin + 1, unknown);
  }
  return piecesBefore(characters, begins);
}

function piecesBefore(characters: readonly string[], begins: Int32Array): string[] {
  const pieces: string[] = [];
  for (let end = characters.length; end > 0; end = begins[end])
    pieces.push(characters.slice(begins[end], end).join(""));
  return pieces.reverse();
}
