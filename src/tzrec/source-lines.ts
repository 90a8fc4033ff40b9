/**
 * Line numbers of the fields of a protobuf text, for error messages; the parser of `@bufbuild/protobuf` reports none. A
 * malformed text is scanned as far as possible.
 */

/** A field of the text. */
export interface SourceField {
  /** Every name with its occurrence, as `feature_configs[3].id_feature[0].zch[0]`. */
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
}

interface Token {
  readonly text: string;
  readonly line: number;
}

const tokenPattern = /#[^\n]*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|[{}<>[\]:,;]|[^\s{}<>[\]:,;"'#]+/g;
const closing: Readonly<Record<string, string>> = { "{": "}", "<": ">", "[": "]" };

/** Every field of the text, in its order. */
export function sourceFields(text: string): SourceField[] {
  return new Scan(tokensOf(text)).run();
}

class Scan {
  private readonly found: SourceField[] = [];
  private next = 0;

  constructor(private readonly tokens: readonly Token[]) {}

  run(): SourceField[] {
    this.fields("", [], undefined);
    return this.found;
  }

  private fields(prefix: string, names: readonly string[], close: string | undefined): void {
    const counts = new Map<string, number>();
    while (this.next < this.tokens.length) {
      const { text: name, line } = this.tokens[this.next++];
      if (name === close) return;
      if (name === "," || name === ";") continue;
      const hasColon = this.peek() === ":";
      if (hasColon) this.next++;
      const isListed = this.peek() === "[";
      const path = [...names, name];
      this.values(({ text: token, line: ownLine }) => {
        const count = counts.get(name) ?? 0;
        counts.set(name, count + 1);
        const key = `${prefix}${name}[${count}]`;
        const close = closing[token];
        this.found.push({
          key,
          names: path,
          line: isListed ? ownLine : line,
          isListed,
          hasColon,
          ...(close === undefined && { value: token }),
        });
        if (close !== undefined) this.fields(`${key}.`, path, close);
      });
    }
  }

  /** Calls `value` for the value that comes next, or for each of a list, with its first token: a bracket opens a message. */
  private values(value: (token: Token) => void): void {
    const token = this.tokens[this.next++];
    if (token?.text === "[") {
      while (this.next < this.tokens.length && this.peek() !== "]") {
        if (this.peek() === ",") this.next++;
        else this.values(value);
      }
      this.next++;
    } else if (token) {
      // Adjacent quoted pieces are one text.
      while (isQuoted(token.text) && isQuoted(this.peek())) this.next++;
      value(token);
    }
  }

  private peek(): string {
    return this.tokens[this.next]?.text ?? "";
  }
}

function tokensOf(text: string): Token[] {
  let line = 1;
  let at = 0;
  const tokens: Token[] = [];
  for (const match of text.matchAll(tokenPattern)) {
    for (; at < match.index; at++) if (text[at] === "\n") line++;
    if (!match[0].startsWith("#")) tokens.push({ text: match[0], line });
  }
  return tokens;
}

const isQuoted = (token: string) => token.startsWith('"') || token.startsWith("'");
