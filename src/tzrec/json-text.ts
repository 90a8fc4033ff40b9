import type { DescField, DescMessage } from "@bufbuild/protobuf";
import { messageOf } from "../errors.js";
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
    if (/^\s*\{/.test(json) && JSON.parse(json)) return new Translation(json).run();
  } catch (error) {
    const at = /position (\d+)/.exec(messageOf(error))?.[1];
    throw notJson(messageOf(error), `${file}:${json.slice(0, Number(at ?? json.length)).split("\n").length}`);
  }
  throw notJson(json.trim().slice(0, 20), `${file}:1`);
}

function notJson(got: string, where: string): ImportError {
  const next = "Correct it; TorchEasyRec would refuse it too.";
  return new ImportError({ what: "this is not a JSON object", where, got, next });
}

/** Translates JSON that is valid: quoted names, enums, numbers and maps look otherwise in a protobuf text. */
class Translation {
  private readonly tokens: readonly (readonly [space: string, text: string])[];
  private next = 0;
  private text = "";

  constructor(json: string) {
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
    while (this.peek() !== "}") {
      if (this.peek() === ",") this.take();
      else member(JSON.parse(this.peek()));
    }
  }

  private field(message: DescMessage | undefined, name: string): void {
    const field = message?.fields.find((each) => each.name === name || each.jsonName === name);
    const isNull = this.tokens[this.next + 2][1] === "null";
    for (const text of isNull ? ["", "", ""] : [field?.name ?? name, ":"]) this.take(text);
    if (!isNull) this.value(field);
  }

  private value(field: DescField | undefined): void {
    const text = this.peek();
    if (text === "[") this.list(field);
    else if (text === "{" && field?.fieldKind === "map") this.map();
    else if (text === "{") this.object(field?.message);
    else this.take(text.startsWith('"') ? quoted(text, field) : text);
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
      else this.value(field);
    }
    this.take();
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

/** A text stays one; enums, and numbers in quotes, are words in a protobuf text. */
function quoted(json: string, field: DescField | undefined): string {
  const text = JSON.parse(json) as string;
  const isText = !field || field.scalar === STRING;
  return isText || text === "" ? JSON.stringify(text) : text;
}

/** The number of the scalar type STRING in protobuf. */
const STRING = 9;
