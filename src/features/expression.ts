import { ConfigError } from "../errors.js";
import { expressionConstants, expressionFunctions } from "./expression-functions.js";

/**
 * Arithmetic on named numbers: parsed by recursive descent into closures, so that a config can hold a formula and no
 * code. A comparison is 1 or 0, and any number but 0 is true.
 *
 *     choice  = binary ("?" choice ":" choice)?
 *     binary  = unary (operator unary)*      by the levels below, all to the left
 *     unary   = "-"* power
 *     power   = atom ("^" unary)?            right associative, binds tighter than unary minus: -x^2 is -(x^2)
 *     atom    = number | variable | constant | name "(" choice ("," choice)* ")" | "(" choice ")"
 */
export type Expression = (values: ArrayLike<number>) => number;

/** Chains of operators and choices may be long, because they are loops; what stands inside of something needs a stack. */
const MOST_LEVELS = 100;
/** Arguments of a call. */
const MOST_ARGUMENTS = 1000;
/** The part of a long expression that an error shows. */
const SHOWN = 200;

type Binary = (a: number, b: number) => number;

/** Binary operators by precedence, lowest first. */
const levels: readonly (readonly [string, Binary][])[] = [
  [["||", (a, b) => Number(a !== 0 || b !== 0)]],
  [["&&", (a, b) => Number(a !== 0 && b !== 0)]],
  [["|", (a, b) => a | b]],
  [["&", (a, b) => a & b]],
  [
    ["<=", (a, b) => Number(a <= b)],
    [">=", (a, b) => Number(a >= b)],
    ["!=", (a, b) => Number(a !== b)],
    ["==", (a, b) => Number(a === b)],
    ["<", (a, b) => Number(a < b)],
    [">", (a, b) => Number(a > b)],
  ],
  [
    ["+", (a, b) => a + b],
    ["-", (a, b) => a - b],
  ],
  [
    ["*", (a, b) => a * b],
    ["/", (a, b) => a / b],
  ],
];

/**
 * @param variables names of the inputs; the compiled function takes their values in this order
 * @throws ConfigError that points at the first character that does not fit
 */
export function parseExpression(text: string, variables: readonly string[]): Expression {
  return new Parser(text, variables).parse();
}

const tokenPattern =
  /\s*(?:(\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)|([\p{L}_][\p{L}\p{N}_]*)|(\|\||&&|[<>=!]=|[-+*/^(),?:<>|&]))/uy;

interface Token {
  kind: "number" | "name" | "symbol" | "end";
  text: string;
  at: number;
}

class Parser {
  private readonly tokens: Token[];
  private next = 0;
  /** What the parser is inside of. */
  private readonly levels = { operand: 0, choice: 0 };

  constructor(
    private readonly text: string,
    private readonly variables: readonly string[],
  ) {
    this.tokens = this.tokenize();
  }

  parse(): Expression {
    const result = this.choice();
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
        this.fail(
          { kind: "symbol", text: this.text.slice(at).trim()[0], at },
          `a number, ${this.known} or an operator`,
        );
      const [, number, name, symbol] = match;
      const kind = number !== undefined ? "number" : name !== undefined ? "name" : "symbol";
      tokens.push({ kind, text: number ?? name ?? symbol, at });
      at = tokenPattern.lastIndex;
    }
    tokens.push({ kind: "end", text: "the end", at });
    return tokens;
  }

  private get known(): string {
    return this.variables.join(", ");
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

  private choice(): Expression {
    const [conditions, results]: [Expression[], Expression[]] = [[], []];
    let last = this.binary(0);
    while (this.accept("?")) {
      conditions.push(last);
      results.push(this.within("choice", () => this.choice()));
      this.expect(":");
      last = this.binary(0);
    }
    if (results.length === 0) return last;
    return (values) => {
      const chosen = conditions.findIndex((condition) => condition(values) !== 0);
      return (chosen < 0 ? last : results[chosen])(values);
    };
  }

  /** A chain of any length is one loop. */
  private binary(level: number): Expression {
    if (level === levels.length) return this.unary();
    const first = this.binary(level + 1);
    const [applied, terms]: [Binary[], Expression[]] = [[], []];
    for (;;) {
      const operator = levels[level].find(([symbol]) => this.accept(symbol));
      if (!operator) break;
      applied.push(operator[1]);
      terms.push(this.binary(level + 1));
    }
    if (terms.length === 0) return first;
    return (values) => {
      let result = first(values);
      for (let i = 0; i < terms.length; i++) result = applied[i](result, terms[i](values));
      return result;
    };
  }

  private unary(): Expression {
    let negative = false;
    while (this.accept("-")) negative = !negative;
    const a = this.within("operand", () => this.power());
    return negative ? (values) => -a(values) : a;
  }

  private within(of: "operand" | "choice", read: () => Expression): Expression {
    if (++this.levels[of] > MOST_LEVELS)
      this.fail(this.peek(), `at most ${MOST_LEVELS} levels of ( ) ? : and ^`);
    const expression = read();
    this.levels[of]--;
    return expression;
  }

  private power(): Expression {
    const base = this.atom();
    if (!this.accept("^")) return base;
    const exponent = this.unary();
    return (values) => base(values) ** exponent(values);
  }

  private atom(): Expression {
    const token = this.peek();
    this.next++;
    if (token.kind === "number") return constant(Number(token.text));
    if (token.kind === "name") return this.named(token);
    if (token.text !== "(") this.fail(token, `a number, ${this.known}, a function or (`);
    const inner = this.choice();
    this.expect(")");
    return inner;
  }

  private named(token: Token): Expression {
    const index = this.variables.indexOf(token.text);
    if (index >= 0) return (values) => values[index];
    const value = expressionConstants.get(token.text);
    return value === undefined ? this.call(token) : constant(value);
  }

  private call(name: Token): Expression {
    const called = expressionFunctions.get(name.text);
    if (!called) this.fail(name, `one of ${[...this.variables, ...expressionFunctions.keys()].join(" ")}`);
    const { arity, apply } = called;
    this.expect("(");
    const parts = [this.choice()];
    const most = arity === "any" ? MOST_ARGUMENTS : arity;
    while (parts.length < most && this.accept(",")) parts.push(this.choice());
    if (this.peek().text === ",") this.fail(this.peek(), `at most ${most} arguments of ${name.text}`);
    if (arity !== "any" && parts.length < arity) this.expect(",");
    this.expect(")");
    if (parts.length === 1) return (values) => apply(parts[0](values));
    return (values) => apply(...parts.map((part) => part(values)));
  }

  private get shown(): string {
    return this.text.length > SHOWN ? `${this.text.slice(0, SHOWN)}…` : this.text;
  }

  private fail(token: Token, expected: string): never {
    throw new ConfigError({
      what: `the expression "${this.shown}" cannot be read at character ${token.at + 1}`,
      got: token.text,
      expected,
      next: `Use ${this.known} with + - * / ^ ( ), comparisons, && || ?: and the functions of docs/features.md.`,
    });
  }
}

function constant(value: number): Expression {
  return () => value;
}
