import { z } from "zod";

/** A regular expression for the whole name of a parameter. */
export const patternSchema = z.string().min(1).refine(isRegExp, "not a regular expression");

/** Matches whole names only, as users expect of a list of names. */
export const wholeName = (pattern: string): RegExp => new RegExp(`^(?:${pattern})$`);

function isRegExp(pattern: string): boolean {
  try {
    wholeName(pattern);
    return true;
  } catch {
    return false;
  }
}
