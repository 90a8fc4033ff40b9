/** An argument as a shell takes it. */
export const shellWord = (text: string): string =>
  /^[\w./:=+-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;

/** The options that `predict` needs for rows without a label. */
export const sqlOption = (sql: string | undefined): string =>
  sql === undefined ? "" : ` --sql ${shellWord(sql)}`;
