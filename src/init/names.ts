/** Names of columns, and what they say about the values. */

/** The words of a name in lower case: `user_id`, `userId` and `User ID` have the words user and id. */
export function wordsOf(name: string): string[] {
  return name
    .replace(/(\p{Ll}|\p{N})(\p{Lu})/gu, "$1 $2")
    .toLowerCase()
    .split(/[^\p{L}\p{N}]+/u)
    .filter((word) => word !== "");
}

/** Numbers in a column with one of these words are names. */
const ID_WORDS = [
  "id",
  "ids",
  "uid",
  "uuid",
  "guid",
  "sku",
  "asin",
  "isbn",
  "code",
  "zip",
  "zipcode",
  "postcode",
  "postal",
];
/** The same, if it is the last word: `user`, but not `user_age`. */
const THING_WORDS = [
  ...[
    "user",
    "item",
    "product",
    "movie",
    "song",
    "artist",
    "brand",
    "seller",
    "merchant",
    "customer",
    "category",
  ],
  ...[
    "campaign",
    "ad",
    "advertiser",
    "creative",
    "publisher",
    "site",
    "app",
    "device",
    "channel",
    "query",
    "keyword",
  ],
  ...[
    "store",
    "shop",
    "city",
    "country",
    "state",
    "region",
    "zone",
    "segment",
    "cluster",
    "type",
    "class",
    "gender",
  ],
];

export function namesThings(name: string): boolean {
  const words = wordsOf(name);
  return words.some((word) => ID_WORDS.includes(word)) || THING_WORDS.includes(words.at(-1) ?? "");
}

/** The names that a label often has. */
const LABEL_WORDS = [
  ...[
    "label",
    "target",
    "clicked",
    "click",
    "y",
    "is_click",
    "converted",
    "conversion",
    "purchased",
    "bought",
  ],
  ...[
    "churn",
    "churned",
    "survived",
    "default",
    "outcome",
    "class",
    "response",
    "income",
    "fraud",
    "is_fraud",
    "late",
    "like",
    "liked",
  ],
];

/** How much a name looks like that of a label: lower is more, -1 not at all. */
export function labelRank(name: string): number {
  return LABEL_WORDS.indexOf(wordsOf(name).join("_"));
}

/**
 * A valid name for a feature of a column, that no other feature has. It stays what it is if it can.
 * @param taken the names in use; the new one is added
 */
export function featureName(column: string, taken: Set<string>): string {
  const valid = column
    .slice(0, LONGEST_NAME)
    .replace(/[^\p{L}\p{N}_.-]+/gu, "_")
    .replace(/^[^\p{L}_]/u, "_$&");
  const base =
    /^_*$/.test(valid) || RESERVED.includes(valid) ? `column_${valid.replace(/_+/g, "") || "x"}` : valid;
  let name = base;
  for (let n = 2; taken.has(name); n++) name = `${base}_${n}`;
  taken.add(name);
  return name;
}

/** The longest name of a feature is 128 characters; the rest is for numbers behind it. */
const LONGEST_NAME = 100;
/** Names that mean something else in JavaScript objects. */
const RESERVED = ["__proto__", "constructor", "prototype"];
