/** Why a value was refused. Codes are negative, so they can be stored where a row number is expected. */
export const Refusal = {
  missing: -1,
  unknown: -2,
  outOfRange: -3,
  notInteger: -4,
  notFinite: -5,
  wrongType: -6,
  wrongLength: -7,
  negative: -8,
  notBoolean: -9,
  notBinary: -10,
  badWeight: -11,
  notClass: -12,
  inexact: -13,
  notTime: -14,
  keyRange: -15,
  brackets: -16,
  misaligned: -17,
} as const;

export type RefusalCode = (typeof Refusal)[keyof typeof Refusal];

const texts: Record<RefusalCode, string> = {
  [Refusal.missing]: "missing value",
  [Refusal.unknown]: "value outside the vocabulary",
  [Refusal.outOfRange]: "integer outside [0, buckets)",
  [Refusal.notInteger]: "not an integer",
  [Refusal.notFinite]: "not a finite number",
  [Refusal.wrongType]: "value of a type that this feature cannot read",
  [Refusal.wrongLength]: "list of the wrong length",
  [Refusal.negative]: "negative value",
  [Refusal.notBoolean]: "not a boolean",
  [Refusal.notBinary]: "neither 0 nor 1",
  [Refusal.badWeight]: "an id's weight is not a finite number",
  [Refusal.inexact]:
    "a number too large to be an exact id: send text or a BigInt, store text or an integer type",
  [Refusal.notTime]: "neither a date nor a timestamp",
  [Refusal.keyRange]: "an integer beyond ±(2^63 - 1), the keys of a dynamic table",
  [Refusal.brackets]:
    'brackets that are no list: write it as JSON, such as ["a", "b"], or make a list in sql with string_split',
  [Refusal.misaligned]: "a sequence whose columns have different numbers of entries",
  [Refusal.notClass]: "not a class id, 0 to classes - 1",
};

export function refusalText(code: RefusalCode): string {
  return texts[code];
}
