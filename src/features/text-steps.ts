import { z } from "zod";
import { messageOf } from "../errors.js";

/** Normalization steps for texts before they are split. The names are those of TorchEasyRec's text_normalizer. */

export const textStep = z.union([
  z.enum(["lowercase", "uppercase", "nfkc", "halfWidth", "removeSpaces", "splitHan"]),
  z.strictObject({
    /** Characters to remove, or a pattern that matches them (a JavaScript regular expression with the flag u). */
    remove: z
      .string()
      .min(1)
      .superRefine((pattern, context) => {
        try {
          new RegExp(pattern, "gu");
        } catch (error) {
          context.addIssue({ code: "custom", message: messageOf(error) });
        }
      }),
  }),
]);

export type TextStep = z.output<typeof textStep>;

const steps: Record<Extract<TextStep, string>, (text: string) => string> = {
  lowercase: (text) => text.toLowerCase(),
  uppercase: (text) => text.toUpperCase(),
  nfkc: (text) => text.normalize("NFKC"),
  halfWidth: (text) => text.replace(FULL_WIDTH, halfWidth),
  removeSpaces: (text) => text.replace(/\s+/gu, ""),
  splitHan: (text) => text.replace(/\p{Script=Han}/gu, " $& "),
};

/** Full-width ASCII and the ideographic space; no other characters have a single half-width form. */
const FULL_WIDTH = /[\uff01-\uff5e\u3000]/g;

function halfWidth(character: string): string {
  return character === "\u3000" ? " " : String.fromCharCode(character.charCodeAt(0) - 0xfee0);
}

/** Combines the steps into one function. */
export function compileTextSteps(names: readonly TextStep[]): (text: string) => string {
  const functions = names.map((step) => {
    if (typeof step === "string") return steps[step];
    const pattern = new RegExp(step.remove, "gu");
    return (text: string) => text.replace(pattern, "");
  });
  return (text) => functions.reduce((value, apply) => apply(value), text);
}
