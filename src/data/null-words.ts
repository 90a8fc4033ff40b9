/** What programs write for a missing value. */
export const NULL_WORDS = [
  "NULL",
  "null",
  "NA",
  "N/A",
  "n/a",
  "NaN",
  "nan",
  "None",
  "none",
  "?",
  "\\N",
  "-",
  "#N/A",
  "0000-00-00",
  "0000-00-00 00:00:00",
];
