import { DataError, PairloomError } from "../errors.js";

/**
 * Says what can be done about data of the command line, where the config that the model was trained with is fixed.
 * @param sql replaces the sql of the config
 */
export function withDataHint(error: unknown, sql: string | undefined): unknown {
  if (!(error instanceof PairloomError)) return error;
  const { what, got } = error.report;
  if (sql === undefined && got?.includes("Binder Error"))
    return withNext(
      error,
      "The sql of the config does not fit this data: give a SELECT of the feature columns with --sql.",
    );
  if (what.endsWith("has no such column"))
    return withNext(error, "Rename a column of the data, or derive the missing one with --sql.");
  return error;
}

function withNext(error: PairloomError, next: string): DataError {
  return new DataError({ ...error.report, next }, { cause: error });
}
