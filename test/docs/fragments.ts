import { configSchema } from "../../src/config/config.js";
import { dataSchema } from "../../src/data/data-config.js";
import { trainSchema } from "../../src/train/train-config.js";
import type { Block } from "./pages.js";

/** A part of a block that stands for itself: a module, a part of a config, a feature, or statements. */
export interface Fragment {
  readonly kind: "module" | "feature" | Section;
  /** The key of a part of a config. */
  readonly key?: string;
  readonly text: string;
}

/** The sections of a config whose keys may be shown alone. */
const SECTIONS = {
  config: { keys: Object.keys(configSchema.shape), type: "Partial<ConfigInput>" },
  data: { keys: Object.keys(dataSchema.shape), type: "Partial<DataInput>" },
  train: { keys: Object.keys(trainSchema.shape), type: 'NonNullable<ConfigInput["train"]>' },
  features: { keys: ["vocabulary", "initializer"], type: 'Partial<Extract<FeatureInput, { kind: "id" }>>' },
} as const;
type Section = keyof typeof SECTIONS;

/**
 * The fragments of a block: features in lines that start with `{ kind: …`, settings in lines that start with `key:`, or
 * else one module.
 */
export function fragmentsOf({ text, place }: Block): Fragment[] {
  const parts = text.split(/^(?=\w+: |\{\s)/m).filter((part) => part.trim() !== "");
  return parts.map((part): Fragment => {
    const key = /^(\w+): /.exec(part)?.[1];
    if (key !== undefined) return { kind: sectionOf(key, place), key, text: withoutComma(part) };
    if (/^\{\s+kind: /.test(part)) return { kind: "feature", text: withoutComma(part) };
    return { kind: "module", text: part };
  });
}

function sectionOf(key: string, place: string): Section {
  const names = Object.keys(SECTIONS) as Section[];
  const section = names.find((name) => (SECTIONS[name].keys as readonly string[]).includes(key));
  if (section === undefined) throw new Error(`${place}: no section of a config has the key ${key}`);
  return section;
}

/** A list of features or settings may be written with commas between its lines. */
const withoutComma = (part: string): string => part.replace(/,(\s*(\/\/.*)?\s*)$/, "$1");

const IMPORTS = 'import type { ConfigInput, DataInput, FeatureInput } from "pairloom";';

/** A module that the compiler checks in place of a block. */
export function moduleOf(block: Block): string {
  const fragments = fragmentsOf(block);
  const imports = fragments.some(({ kind }) => kind !== "module") ? IMPORTS : "";
  return [imports, block.notes.with ?? "", ...fragments.map(checkOf), "export {};\n"].join("\n");
}

function checkOf({ kind, text }: Fragment): string {
  if (kind === "module") return text;
  if (kind === "feature") return `(${text}\n) satisfies FeatureInput;`;
  return `({ ${text}\n}) satisfies ${SECTIONS[kind].type};`;
}
