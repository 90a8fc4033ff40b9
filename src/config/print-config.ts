import type { ConfigInput } from "./config.js";

const WIDTH = 100;

/** Notes for the reader of a config, in plain text. */
export interface Notes {
  /** What the file is, above everything. */
  readonly head: readonly string[];
  /** By the path of a value (`data.split`, `features[3]`): lines above it. `features[]` is the end of a list. */
  readonly above?: ReadonlyMap<string, readonly string[]>;
}

/** A config as the text of a `pairloom.config.ts`. */
export function printConfig(config: ConfigInput, { head, above = new Map() }: Notes): string {
  const body = new Printer(above).print(config, "", "");
  const title = comments(head, "").join("");
  return `${title}import { defineConfig } from "pairloom";\n\nexport default defineConfig(${body});\n`;
}

class Printer {
  constructor(private readonly above: NonNullable<Notes["above"]>) {}

  /** A value on one line if it fits and nothing in it has a note, otherwise its members on separate lines. */
  print(value: unknown, indent: string, path: string): string {
    const brief = inline(value);
    const isNested = typeof value === "object" && value !== null;
    const fits = indent.length > 0 && indent.length + brief.length <= WIDTH;
    if (!isNested || (fits && !this.hasNotesIn(path))) return brief;
    const [open, close] = Array.isArray(value) ? "[]" : "{}";
    const inner = `${indent}  `;
    const members = this.members(value, inner, path).map(({ key, text }) => [
      ...this.notes(key, inner),
      `${inner}${text},\n`,
    ]);
    return [`${open}\n`, ...members.flat(), ...this.notes(`${path}[]`, inner), `${indent}${close}`].join("");
  }

  private members(value: object, inner: string, path: string): { key: string; text: string }[] {
    if (Array.isArray(value))
      return value.map((member, i) => ({
        key: `${path}[${i}]`,
        text: this.print(member, inner, `${path}[${i}]`),
      }));
    const given = Object.entries(value).filter(([, member]) => member !== undefined);
    return given.map(([name, member]) => {
      const key = path === "" ? name : `${path}.${name}`;
      return { key, text: `${keyOf(name)}: ${this.print(member, inner, key)}` };
    });
  }

  private notes(path: string, indent: string): string[] {
    return comments(this.above.get(path) ?? [], indent);
  }

  private hasNotesIn(path: string): boolean {
    return [...this.above.keys()].some((key) => key.startsWith(`${path}.`) || key.startsWith(`${path}[`));
  }
}

/** Lines of comments. A name of a column may have characters that end a line. */
function comments(texts: readonly string[], indent: string): string[] {
  const lines = texts.flatMap((text) =>
    wrapped(text.replaceAll(/[\p{Cc}\u2028\u2029]+/gu, " "), WIDTH - indent.length - 3),
  );
  return lines.map((line) => `${indent}// ${line}\n`);
}

/** A text in lines of at most `width` characters, broken at spaces. */
function wrapped(text: string, width: number): string[] {
  if (text.length <= width) return [text];
  const space = text.lastIndexOf(" ", width);
  const at = space > 0 ? space : text.indexOf(" ", width);
  return at < 0 ? [text] : [text.slice(0, at), ...wrapped(text.slice(at + 1), width)];
}

function inline(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(inline).join(", ")}]`;
  if (typeof value !== "object" || value === null) return literal(value);
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  return members.length === 0
    ? "{}"
    : `{ ${members.map(([key, member]) => `${keyOf(key)}: ${inline(member)}`).join(", ")} }`;
}

const keyOf = (key: string) => (/^[\p{L}_$][\p{L}\p{N}_$]*$/u.test(key) ? key : JSON.stringify(key));

function literal(value: unknown): string {
  // JSON leaves these two as they are, and they end a line of JavaScript in old engines.
  return JSON.stringify(value).replaceAll("\u2028", "\\u2028").replaceAll("\u2029", "\\u2029");
}
