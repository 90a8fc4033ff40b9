import type { DescField, DescMessage } from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import { fromText } from "@bufbuild/protobuf/txtpb";
import { messageOf } from "../errors.js";
import { nearNames } from "../near-names.js";
import { ImportError } from "./import-error.js";
import { Notes, Section } from "./section.js";
import { type SourceField, sourceFields } from "./source-lines.js";
import { pipelineSchema } from "./tzrec-schema.js";

/**
 * Parses a pipeline config.
 * @param file named in errors
 * @throws ImportError for text that is not in protobuf's text format, and for a field that TorchEasyRec's ranking models
 *   do not have
 */
export function parsePipeline(text: string, file: string): { root: Section; notes: Notes } {
  const fields = sourceFields(text);
  checkNames(fields, file);
  const notes = new Notes(file, new Map(fields.map(({ key, line }) => [key, line])));
  try {
    const message = reflect(pipelineSchema, fromText(pipelineSchema, text));
    return { root: new Section(message, notes), notes };
  } catch (error) {
    throw new ImportError(
      {
        what: "the pipeline config is not sound protobuf text",
        where: file,
        got: messageOf(error),
        expected: "protobuf's text format, as TorchEasyRec reads it",
        next: "Fix the file; TorchEasyRec would refuse it too.",
      },
      { cause: error },
    );
  }
}

/** Refuses names that the schema does not have, which the parser would refuse without saying where. */
function checkNames(fields: readonly SourceField[], file: string): void {
  for (const { names, line } of fields) {
    const parent = messageAt(names.slice(0, -1));
    const name = names[names.length - 1];
    if (!parent || parent.fields.some((field) => field.name === name)) continue;
    const known = parent.fields.map((field) => field.name);
    throw new ImportError({
      what: `${names.join(".")} has no counterpart`,
      where: `${file}:${line}`,
      got: name,
      expected: `a setting of ${parent.name}: ${nearNames(name, known).slice(0, 6).join(", ")}${known.length > 6 ? ", …" : ""}`,
      next: "Correct the name, or remove the setting.",
    });
  }
}

/** The message at a path of names, where the schema has one. */
function messageAt(names: readonly string[]): DescMessage | undefined {
  let message: DescMessage | undefined = pipelineSchema;
  for (const name of names) {
    const field: DescField | undefined = message?.fields.find((candidate) => candidate.name === name);
    message = field?.message;
  }
  return message;
}
