import { ConfigError } from "../errors.js";

/**
 * Arithmetic on one number `x`, for `normalize: { expression }`: parsed by recursive descent into closures, so that a
 * config can hold a formula and no code.
 *
 *     sum     = product (("+" | "-") product)*
 *     product = unary (("*" | "/") unary)*
 *     unary   = "-" unary | power
 *     power   = atom ("^" unary)?            right associative, binds tighter than unary minus: -x^2 is -(x^2)
 *     atom    = number | "x" | name "(" sum ("," sum)* ")" | "(" sum ")"
 */
export type Expression = (x: number) => number;

const functions: Record<string, { arity: number; apply: (a: number, b: number) => number }> = {
  log: { arity: 1, apply: Math.log },
  log10: { arity: 1, apply: Math.log10 },
  log1p: { arity: 1, apply: Math.log1p },
  exp: { arity: 1, apply: Math.exp },
  sqrt: { arity: 1, apply: Math.sqrt },
  abs: { arity: 1, apply: Math.abs },
  sigmoid: { arity: 1, apply: (a) => 1 / (1 + Math.exp(-a)) },
  tanh: { arity: 1, apply: Math.tanh },
  round: { arity: 1, apply: Math.round },
  floor: { arity: 1, apply: Math.floor },
  min: { arity: 2, apply: Math.min },
  max: { arity: 2, apply: Math.max },
  pow: { arity: 2, apply: Math.pow },
};

/** @throws ConfigError that points at the first character which does not fit */
export function parseExpression(text: string): Expression {
  return new Parser(text).parse();
}

const tokenPattern =
  /\s*(?:(\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)|([A-Za-z_]\w*)|([-+*/^(),]))/y;

interface Token {
  kind: "number" | "name" | "symbol" | "end";
  text: string;
  at: number;
}

class Parser {
  private readonly text: string;
  private readonly tokens: Token[];
  private next = 0;

  constructor(text: string) {
    this.text = text;
    this.tokens = this.tokenize();
  }

  parse(): Expression {
    const result = this.sum();
    if (this.peek().kind !== "end") this.fail(this.peek(), "an operator or the end");
    return result;
  }

  private tokenize(): Token[] {
    const tokens: Token[] = [];
    let at = 0;
    while (this.text.slice(at).trim() !== "") {
      tokenPattern.lastIndex = at;
      const match = tokenPattern.exec(this.text);
      if (!match)
        this.fail({ kind: "symbol", text: this.text.slice(at).trim()[0], at }, "a number, x or an operator");
      const [, number, name, symbol] = match;
      const kind = number !== undefined ? "number" : name !== undefined ? "name" : "symbol";
      tokens.push({ kind, text: number ?? name ?? symbol, at });
      at = tokenPattern.lastIndex;
    }
    tokens.push({ kind: "end", text: "the end", at });
    return tokens;
  }

  private peek(): Token {
    return this.tokens[this.next];
  }

  private accept(symbol: string): boolean {
    const token = this.peek();
    if (token.kind !== "symbol" || token.text !== symbol) return false;
    this.next++;
    return true;
  }

  private expect(symbol: string): void {
    if (!this.accept(symbol)) this.fail(this.peek(), `"${symbol}"`);
  }

  private sum(): Expression {
    let left = this.product();
    for (;;) {
      const a = left;
      if (this.accept("+")) {
        const b = this.product();
        left = (x) => a(x) + b(x);
      } else if (this.accept("-")) {
        const b = this.product();
        left = (x) => a(x) - b(x);
      } else return left;
    }
  }

  private product(): Expression {
    let left = this.unary();
    for (;;) {
      const a = left;
      if (this.accept("*")) {
        const b = this.unary();
        left = (x) => a(x) * b(x);
      } else if (this.accept("/")) {
        const b = this.unary();
        left = (x) => a(x) / b(x);
      } else return left;
    }
  }

  private unary(): Expression {
    if (!this.accept("-")) return this.power();
    const a = this.unary();
    return (x) => -a(x);
  }

  private power(): Expression {
    const base = this.atom();
    if (!this.accept("^")) return base;
    const exponent = this.unary();
    return (x) => base(x) ** exponent(x);
  }

  private atom(): Expression {
    const token = this.peek();
    this.next++;
    if (token.kind === "number") {
      const value = Number(token.text);
      return () => value;
    }
    if (token.kind === "name") return token.text === "x" ? (x) => x : this.call(token);
    if (token.text !== "(") this.fail(token, "a number, x, a function or (");
    const inner = this.sum();
    this.expect(")");
    return inner;
  }

  private call(name: Token): Expression {
    if (!Object.hasOwn(functions, name.text))
      this.fail(name, `x or one of ${Object.keys(functions).join(" ")}`);
    const { arity, apply } = functions[name.text];
    this.expect("(");
    const a = this.sum();
    if (arity === 1) {
      this.expect(")");
      return (x) => apply(a(x), 0);
    }
    this.expect(",");
    const b = this.sum();
    this.expect(")");
    return (x) => apply(a(x), b(x));
  }

  private fail(token: Token, expected: string): never {
    throw new ConfigError({
      what: `the expression "${this.text}" cannot be read at character ${token.at + 1}`,
      got: token.text,
      expected,
      next: `write arithmetic on x with + - * / ^ ( ) and ${Object.keys(functions).join(", ")}`,
    });
  }
}
