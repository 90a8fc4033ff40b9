import { ImportError } from "./import-error.js";

/**
 * The fields of a protobuf text with their lines, which the parser of `@bufbuild/protobuf` does not report. It reads the
 * values.
 */

/** A field of the text. */
export interface SourceField {
  /** Every name with its occurrence, as `feature_configs[3].id_feature[0].zch[0]`; 0 where the schema has one value. */
  readonly key: string;
  readonly names: readonly string[];
  /** Counted from 1. */
  readonly line: number;
  /** True for an element of a list in brackets. */
  readonly isListed: boolean;
  /** True if a colon precedes the value. */
  readonly hasColon: boolean;
  /** The text of a number, word or quoted text; `undefined` for a message. */
  readonly value?: string;
  /** The value as it stands in the text, a message with its brackets. */
  readonly source: string;
}

interface Token {
  readonly text: string;
  readonly line: number;
  readonly at: number;
}

const tokenPattern = /#[^\n]*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|[{}<>[\]:,;]|[^\s{}<>[\]:,;"'#]+|["']/g;
const CLOSING: Readonly<Record<string, string>> = { "{": "}", "<": ">", "[": "]" };
const FIX = "Correct it; TorchEasyRec would refuse it too.";
/** As in protobuf. */
const MOST_LEVELS = 100;

/**
 * Every field of the text, in its order.
 * @param file named in errors
 * @param isOne true for the names of a setting that has one value, which may be set again
 * @throws ImportError with the line, for brackets that do not match, and for what is no field
 */
export function sourceFields(
  text: string,
  file: string,
  isOne: (names: readonly string[]) => boolean = () => false,
): SourceField[] {
  return new Scan(text, file, isOne).run();
}

class Scan {
  private readonly found: SourceField[] = [];
  private readonly counts = new Map<string, number>();
  private readonly tokens: readonly Token[];
  private next = 0;

  constructor(
    private readonly text: string,
    private readonly file: string,
    private readonly isOne: (names: readonly string[]) => boolean,
  ) {
    this.tokens = tokensOf(text);
  }

  run(): SourceField[] {
    this.fields("", [], undefined);
    return this.found;
  }

  /** @param open the bracket of the message; none for the file */
  private fields(prefix: string, names: readonly string[], open: Token | undefined): void {
    if (open && names.length > MOST_LEVELS)
      throw this.error(open, {
        what: "messages are nested too deep",
        expected: `at most ${MOST_LEVELS} levels`,
      });
    for (;;) {
      const token = this.tokens[this.next++];
      if (!token && !open) return;
      if (!token) throw this.unclosed(open!);
      if (open && token.text === CLOSING[open.text]) return;
      if (token.text === "," || token.text === ";") continue;
      if (!/^[A-Za-z_]\w*$/.test(token.text)) throw this.odd(token, "the name of a setting", open);
      this.field(prefix, [...names, token.text], token);
    }
  }

  private field(prefix: string, names: readonly string[], { text: name, line }: Token): void {
    const hasColon = this.peek() === ":";
    if (hasColon) this.next++;
    const isListed = this.peek() === "[";
    this.values((token) => {
      const count = this.isOne(names) ? 0 : (this.counts.get(`${prefix}${name}`) ?? 0);
      this.counts.set(`${prefix}${name}`, count + 1);
      const key = `${prefix}${name}[${count}]`;
      const isMessage = Object.hasOwn(CLOSING, token.text);
      const at = this.found.length;
      this.found.push({ key, names, line: isListed ? token.line : line, isListed, hasColon, source: "" });
      if (isMessage) this.fields(`${key}.`, names, token);
      const source = this.since(token);
      this.found[at] = { ...this.found[at], source, ...(!isMessage && { value: source }) };
    }, name);
  }

  /** Calls `value` for the value that comes next, or for each of a list, with its first token: a bracket opens a message. */
  private values(value: (token: Token) => void, name: string): void {
    const token = this.tokens[this.next++];
    if (token?.text === "[") this.list(token, value, name);
    else this.value(token, value, name);
  }

  private list(open: Token, value: (token: Token) => void, name: string): void {
    if (this.accept("]")) return;
    do this.value(this.tokens[this.next++], value, name);
    while (this.accept(","));
    if (this.accept("]")) return;
    const end = this.tokens[this.next];
    throw end ? this.odd(end, '","', open) : this.unclosed(open);
  }

  private value(token: Token | undefined, value: (token: Token) => void, name: string): void {
    if (!token || /^[}>\]:,;[]$/.test(token.text))
      throw this.error(token ?? this.tokens[this.tokens.length - 1], {
        what: `the value of ${name} is missing`,
        ...(token && { got: token.text }),
      });
    if (/^["']$/.test(token.text)) throw this.error(token, { what: "the quoted text has no end" });
    // Adjacent quoted pieces are one text.
    while (isQuoted(token.text) && isQuoted(this.peek())) this.next++;
    value(token);
  }

  private accept(text: string): boolean {
    if (this.peek() !== text) return false;
    this.next++;
    return true;
  }

  /** The text from a token to the last one that was read. */
  private since({ at }: Token): string {
    const last = this.tokens[this.next - 1];
    return this.text.slice(at, last.at + last.text.length);
  }

  private peek(): string {
    return this.tokens[this.next]?.text ?? "";
  }

  private unclosed(open: Token): ImportError {
    return this.error(open, {
      what: "this bracket is not closed",
      got: `"${open.text}", and the end of the file`,
      expected: `"${CLOSING[open.text]}"`,
    });
  }

  private odd(token: Token, expected: string, open: Token | undefined): ImportError {
    const closes = open ? `, or "${CLOSING[open.text]}" for the "${open.text}" of line ${open.line}` : "";
    return this.error(token, {
      what: "this is not valid protobuf text",
      got: token.text,
      expected: `${expected}${closes}`,
    });
  }

  private error({ line }: Token, report: { what: string; got?: string; expected?: string }): ImportError {
    return new ImportError({ ...report, where: `${this.file}:${line}`, next: FIX });
  }
}

function tokensOf(text: string): Token[] {
  let line = 1;
  let at = 0;
  const tokens: Token[] = [];
  for (const match of text.matchAll(tokenPattern)) {
    for (; at < match.index; at++) if (text[at] === "\n") line++;
    if (!match[0].startsWith("#")) tokens.push({ text: match[0], line, at: match.index });
  }
  return tokens;
}

const isQuoted = (token: string) => /^(".*"|'.*')$/s.test(token);
