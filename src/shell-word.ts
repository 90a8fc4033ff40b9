/** A word of a command that people copy, such as a path: quoted where a shell would take it for something else. */
export const shellWord = (text: string): string =>
  /^[\w./:=+,@%-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;

/** The options that `predict` needs for rows without a label. */
export const sqlOption = (sql: string | undefined): string =>
  sql === undefined ? "" : ` --sql ${shellWord(sql)}`;
