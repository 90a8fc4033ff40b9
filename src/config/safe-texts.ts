import { ConfigError, type ErrorReport } from "../errors.js";

/** Longer texts are no names, and no SQL that anybody wrote. */
const LONGEST_TEXT = 200_000;
const DEEPEST = 64;
/** The name through which JavaScript reads the prototype of an object. */
const PROTOTYPE = "__proto__";

/**
 * Refuses texts that cannot be names everywhere that a name goes (SQL, files, messages, keys of objects): with a NUL
 * character, with half a surrogate pair, of more than 200,000 characters, or `__proto__`; and lists and objects that are
 * nested too deeply. The rows of a source are data and are not looked at.
 * @throws ConfigError with the path
 */
export function refuseUnsafeTexts(config: unknown): void {
  visit(config, "", 0);
}

function visit(value: unknown, path: string, depth: number): void {
  if (typeof value === "string") refuseText(value, path);
  if (typeof value !== "object" || value === null || /^data\.\w+\.rows$/.test(path)) return;
  if (depth > DEEPEST)
    throw unsafe(path, { what: "the config is nested too deeply", expected: `at most ${DEEPEST} levels` });
  for (const [key, member] of Object.entries(value)) {
    const inner = Array.isArray(value) ? `${path}[${key}]` : path === "" ? key : `${path}.${key}`;
    if (!Array.isArray(value)) refuseText(key, inner);
    visit(member, inner, depth + 1);
  }
}

function refuseText(text: string, path: string): void {
  if (text.length > LONGEST_TEXT)
    throw unsafe(path.slice(0, 200), {
      what: "a text is too long",
      got: `${text.length} characters`,
      expected: `at most ${LONGEST_TEXT} characters`,
    });
  if (text.includes("\0"))
    throw unsafe(path, { what: "a text has a NUL character", got: JSON.stringify(text) });
  if (/\p{Surrogate}/u.test(text))
    throw unsafe(path, {
      what: "a text has half a surrogate pair, so it is not Unicode",
      got: JSON.stringify(text),
    });
  if (text === PROTOTYPE && !/\.(vocabulary|nullValues)\[/.test(path))
    throw unsafe(path, { what: `the name ${PROTOTYPE} cannot be used`, got: text });
}

function unsafe(where: string, report: ErrorReport): ConfigError {
  return new ConfigError({
    where,
    next: "Use another text; rename a column in the sql of the source.",
    ...report,
  });
}
