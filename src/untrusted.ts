import { createContext, Script } from "node:vm";
import { z } from "zod";

/**
 * Reading JSON from anyone: neither its depth nor the number of its faults may make reading fail or take long. Nor may a regular
 * expression of someone else: `(a+)+b` takes years for 60 letters.
 */

/**
 * Calls a function that may never end. It takes a tenth of a millisecond more than a plain call.
 * @param late the error to throw if the time is over
 */
export function withinTime<T>(milliseconds: number, call: () => T, late: () => Error): T {
  context.call = call;
  try {
    return calling.runInContext(context, { timeout: milliseconds });
  } catch (error) {
    if ((error as NodeJS.ErrnoException)?.code !== "ERR_SCRIPT_EXECUTION_TIMEOUT") throw error;
    throw late();
  } finally {
    context.call = undefined;
  }
}

const calling = new Script("call()");
const context: { call?: () => unknown } = createContext({});

/** Nothing that Pairloom writes is nested so deep. Code that walks a value needs a stack as deep as the value. */
const MOST_LEVELS = 200;

/** @throws SyntaxError if the text is not JSON, or its values are nested too deep */
export function parseUntrusted(text: string): unknown {
  if (levelsOf(text) <= MOST_LEVELS) return JSON.parse(text);
  throw new SyntaxError(`values nested more than ${MOST_LEVELS} levels deep`);
}

const [QUOTE, BACKSLASH] = ['"', "\\"].map((mark) => mark.charCodeAt(0));
const [OPENING, CLOSING] = ["[{", "]}"].map((marks) => [...marks].map((mark) => mark.charCodeAt(0)));

/** How deep the arrays and objects of a JSON text are nested. */
function levelsOf(text: string): number {
  let [level, deepest, inText] = [0, 0, false];
  for (let i = 0; i < text.length; i++) {
    const mark = text.charCodeAt(i);
    if (mark === QUOTE) inText = !inText;
    else if (inText && mark === BACKSLASH) i++;
    else if (!inText && OPENING.includes(mark)) deepest = Math.max(deepest, ++level);
    else if (!inText && CLOSING.includes(mark)) level--;
  }
  return deepest;
}

/** A list that is checked up to its first fault: a long list of faults would take minutes to describe. */
export function listOf<S extends z.ZodType>(element: S, most: number) {
  return z
    .array(z.unknown())
    .max(most)
    .transform((values, context) => upToFirstFault(values.entries(), element, context));
}

/** The same for an object whose members have names of one form. */
export function membersOf<S extends z.ZodType>(name: z.ZodString, member: S, most: number) {
  const isNamed = (names: readonly string[]) =>
    names.length <= most && names.every((each) => name.safeParse(each).success);
  return z
    .record(z.string(), z.unknown())
    .refine((members) => isNamed(Object.keys(members)), `at most ${most} members with valid names`)
    .transform((members, context): Record<string, z.output<S>> => {
      const values = upToFirstFault(Object.entries(members), member, context);
      return Object.fromEntries(Object.keys(members).map((key, i) => [key, values[i]]));
    });
}

function upToFirstFault<S extends z.ZodType>(
  entries: Iterable<[PropertyKey, unknown]>,
  element: S,
  context: z.RefinementCtx,
): z.output<S>[] {
  const checked: z.output<S>[] = [];
  for (const [key, value] of entries) {
    const { data, error } = element.safeParse(value);
    if (!error) checked.push(data as z.output<S>);
    else {
      for (const { message, path } of error.issues)
        context.addIssue({ code: "custom", message, path: [key, ...path] });
      break;
    }
  }
  return checked;
}
