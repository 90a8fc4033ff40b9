import { type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";
import { messageOf } from "../errors.js";
import { parseUntrusted } from "../untrusted.js";
import { ImportError } from "./import-error.js";
import { pipelineSchema } from "./tzrec-schema.js";

const tokenPattern = /(\s*)("(?:\\.|[^"\\])*"|[{}[\]:,]|[^\s{}[\]:,"]+)/gy;

/**
 * A pipeline config in protobuf's JSON format as a protobuf text with the same lines.
 * @param file named in errors
 * @throws ImportError with the line, for what is not JSON
 */
export function textOfJson(json: string, file: string): string {
  try {
    if (/^\s*\{/.test(json) && parseUntrusted(json)) return new Translation(json, file).run();
  } catch (error) {
    if (error instanceof ImportError) throw error;
    const at = /position (\d+)/.exec(messageOf(error))?.[1];
    throw notJson(messageOf(error), `${file}:${json.slice(0, Number(at ?? json.length)).split("\n").length}`);
  }
  throw notJson(json.trim().slice(0, 20), `${file}:1`);
}

function notJson(got: string, where: string): ImportError {
  const next = "Correct it.";
  return new ImportError({ what: "this is not a JSON object", where, got, next });
}

/** Translates JSON that is valid: quoted names, enums, numbers and maps look otherwise in a protobuf text. */
class Translation {
  private readonly tokens: readonly (readonly [space: string, text: string])[];
  private next = 0;
  private text = "";

  constructor(
    json: string,
    private readonly file: string,
  ) {
    this.tokens = [...json.matchAll(tokenPattern)].map(([, space, text]) => [space, text] as const);
  }

  run(): string {
    this.take("");
    this.members((name) => this.field(pipelineSchema, name));
    this.take("");
    return this.text;
  }

  /** The members of an object whose bracket was taken, up to its end. */
  private members(member: (name: string) => void): void {
    const seen = new Set<string>();
    while (this.peek() !== "}") {
      if (this.peek() === ",") this.take();
      else {
        const name = JSON.parse(this.peek()) as string;
        if (seen.has(name)) throw this.error(`the key ${name} stands twice in an object`);
        seen.add(name);
        member(name);
      }
    }
  }

  private field(message: DescMessage | undefined, name: string): void {
    const field = message?.fields.find((each) => each.name === name || each.jsonName === name);
    const isNull = this.tokens[this.next + 2][1] === "null";
    for (const text of isNull ? ["", "", ""] : [field?.name ?? name, ":"]) this.take(text);
    if (!isNull) this.value(field);
  }

  private value(field: DescField | undefined, isListed = false): void {
    const text = this.peek();
    if (text === "[") this.list(field);
    else if (field?.fieldKind === "list" && !isListed) throw this.error(`${field.name} is a list`);
    else if (text === "{" && field?.fieldKind === "map") this.map();
    else if (text === "{") this.object(field?.message);
    else this.take(isQuoted(text) ? quoted(text, field) : isInteger(field) ? wholeNumber(text) : text);
  }

  private object(message: DescMessage | undefined): void {
    this.take();
    this.members((name) => this.field(message, name));
    this.take();
  }

  private list(field: DescField | undefined): void {
    this.take();
    while (this.peek() !== "]") {
      if (this.peek() === ",") this.take();
      else this.value(field, true);
    }
    this.take();
  }

  private error(what: string): ImportError {
    const line = `${this.text}${this.tokens[this.next][0]}`.split("\n").length;
    const next = "Correct it; TorchEasyRec would refuse it too.";
    return new ImportError({ what, where: `${this.file}:${line}`, got: this.peek(), next });
  }

  /** The entries of a map are messages with key and value. */
  private map(): void {
    this.take("[");
    this.members((name) => {
      this.take(`{ key: ${JSON.stringify(name)} value`);
      this.take();
      this.take(this.peek().replaceAll('"', ""));
      this.text += " }";
    });
    this.take("]");
  }

  private peek(): string {
    return this.tokens[this.next][1];
  }

  /** Goes on to the next token. @param text written in its place */
  private take(text = this.peek()): void {
    this.text += this.tokens[this.next++][0] + text;
  }
}

const isQuoted = (json: string) => json.startsWith('"');

/** A text stays one, and refused for a boolean; enums, and numbers in quotes, are words in a protobuf text. */
function quoted(json: string, field: DescField | undefined): string {
  const text = JSON.parse(json) as string;
  const isText = !field || field.scalar === ScalarType.STRING || field.scalar === ScalarType.BOOL;
  if (isText || !/^\S+$/.test(text)) return JSON.stringify(text);
  return isInteger(field) ? wholeNumber(text) : text;
}

const isInteger = (field: DescField | undefined) =>
  field?.scalar !== undefined &&
  [ScalarType.INT32, ScalarType.UINT32, ScalarType.UINT64].includes(field.scalar);

/** In protobuf's JSON format 10.0 and 1e1 are integers. */
const wholeNumber = (text: string) =>
  /[.e]/i.test(text) && Number.isSafeInteger(Number(text)) ? String(Number(text)) : text;
