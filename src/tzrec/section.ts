import type { DescField } from "@bufbuild/protobuf";
import type { ReflectMap, ReflectMessage } from "@bufbuild/protobuf/reflect";
import type { ErrorReport } from "../errors.js";
import { ImportError } from "./import-error.js";

/** The lines that a warning lists. */
const LINES_SHOWN = 5;

/** Warnings of an import, and the lines of settings. */
export class Notes {
  /** The lines of each warning, by its text without lines; the first has the path. */
  private readonly noted = new Map<string, { readonly path: string; readonly lines: Set<number> }>();

  constructor(
    private readonly file: string,
    private readonly lines: ReadonlyMap<string, number>,
  ) {}

  /** The line of a setting, or of the nearest section around it; 1 for the file. */
  lineOf(key: string): number {
    const around = key.slice(0, Math.max(0, key.lastIndexOf(".")));
    return this.lines.get(key) ?? (around === "" ? 1 : this.lineOf(around));
  }

  /** `pipeline.config:12` */
  at(key: string): string {
    return `${this.file}:${this.lineOf(key)}`;
  }

  /** @param path of the setting, shown to users */
  warn(key: string, path: string, message: string): void {
    const name = path.slice(path.lastIndexOf(".") + 1);
    const known = this.noted.get(`${name} ${message}`);
    if (known) known.lines.add(this.lineOf(key));
    else this.noted.set(`${name} ${message}`, { path, lines: new Set([this.lineOf(key)]) });
  }

  /** Each warning once, with the lines of all settings that it is about. */
  get warnings(): string[] {
    return [...this.noted].map(([text, { path, lines }]) => {
      const [first, ...others] = lines;
      const more = others.length > LINES_SHOWN ? ` and ${others.length - LINES_SHOWN} more` : "";
      const also =
        others.length > 0 ? ` (also in line ${others.slice(0, LINES_SHOWN).join(", ")}${more})` : "";
      return `${this.file}:${first}: ${path}${text.slice(text.indexOf(" "))}${also}`;
    });
  }
}

/**
 * A message of a pipeline config. It records which settings are read, so that a setting which nothing reads is refused
 * ({@link refuseUnread}) and not dropped silently.
 */
export class Section {
  private readonly read = new Set<string>();
  private readonly children = new Map<string, Section>();

  /**
   * @param path shown to users, such as `feature_configs[3].id_feature`
   * @param key finds the line; it has the occurrence of every name
   */
  constructor(
    private readonly message: ReflectMessage,
    readonly notes: Notes,
    readonly path = "",
    private readonly key = "",
  ) {}

  /** True if the file sets it. */
  has(name: string): boolean {
    const field = this.field(name);
    return field !== undefined && this.isSet(field);
  }

  /* A setting that the file leaves out has the default of TorchEasyRec's schema, if there is one there. */

  text(name: string): string | undefined {
    return this.value(name) as string | undefined;
  }

  number(name: string): number | undefined {
    const value = this.value(name) as number | bigint | undefined;
    return value === undefined ? undefined : fromFloat(Number(value), this.field(name)!);
  }

  boolean(name: string): boolean | undefined {
    return this.value(name) as boolean | undefined;
  }

  /** The name of an enum's value. */
  choice(name: string): string | undefined {
    const value = this.value(name) as number | undefined;
    return value === undefined
      ? undefined
      : this.field(name)!.enum!.values.find((each) => each.number === value)!.name;
  }

  texts(name: string): string[] {
    return [...((this.value(name) ?? []) as Iterable<string>)];
  }

  numbers(name: string): number[] {
    const values = [...((this.value(name) ?? []) as Iterable<number | bigint>)];
    return values.map((value) => fromFloat(Number(value), this.field(name)!));
  }

  /** A map from text to number. */
  entries(name: string): [string, number][] {
    const map = this.value(name) as ReflectMap | undefined;
    const valueIsFloat = this.field(name)?.scalar === FLOAT;
    return [...(map?.entries() ?? [])].map(([key, value]) => {
      return [String(key), valueIsFloat ? shortest(Number(value)) : Number(value)];
    });
  }

  section(name: string): Section | undefined {
    const message = this.value(name) as ReflectMessage | undefined;
    return message && this.child(message, name, name, 0);
  }

  sections(name: string): Section[] {
    const list = [...((this.value(name) ?? []) as Iterable<ReflectMessage>)];
    return list.map((message, i) => this.child(message, name, `${name}[${i}]`, i));
  }

  /** A required section. @throws ImportError */
  required(name: string): Section {
    return this.section(name) ?? this.missing(name);
  }

  /** The message's name in the schema. */
  get kind(): string {
    return this.message.desc.name;
  }

  /** A section that was read before; of a list, the one at `index`. */
  inside(name: string, index = 0): Section | undefined {
    return this.children.get(this.keyOf(name, index));
  }

  /** The first setting with one of these names that is set, here or in a section inside that was read. */
  find(names: readonly string[]): readonly [section: Section, name: string] | undefined {
    const own = names.find((name) => this.has(name));
    if (own !== undefined) return [this, own];
    for (const child of this.children.values()) {
      const found = child.find(names);
      if (found) return found;
    }
    return undefined;
  }

  /** The names of all settings that are set. */
  get names(): string[] {
    return this.message.fields.filter((field) => this.isSet(field)).map(({ name }) => name);
  }

  /** The setting that is set among those of a `oneof` in the schema, the first of them if several are. */
  which(choice: string): string | undefined {
    return this.choices(choice).find((field) => this.isSet(field))?.name;
  }

  /** {@link which}. @throws ImportError if none is set */
  neededOf(choice: string): string {
    const [first, ...others] = this.choices(choice).map(({ name }) => name);
    return this.which(choice) ?? this.missing(first, ...others);
  }

  private choices(choice: string): readonly DescField[] {
    return this.message.desc.oneofs.find(({ name }) => name === choice)!.fields;
  }

  /** The name of the setting that is set; `undefined` if none is. @throws ImportError for more than one */
  oneOf(names: readonly string[]): string | undefined {
    const set = names.filter((name) => this.has(name));
    if (set.length < 2) return set[0];
    throw this.error(set[1], {
      what: `${set[0]} and ${set[1]} cannot be used together`,
      next: "Keep one of them.",
    });
  }

  /** Ignores settings that have no effect in Pairloom, with a warning that says why. */
  ignore(names: readonly string[], why: string): void {
    for (const name of names) {
      if (!this.has(name)) continue;
      this.read.add(name);
      this.warn(name, why);
    }
  }

  /** Refuses a setting unless it has the value that Pairloom always uses. @throws ImportError */
  onlyDefault(name: string, value: string | number | boolean, next: string): void {
    if (!this.has(name)) return;
    const field = this.field(name)!;
    const given = field.fieldKind === "enum" ? this.choice(name) : this.value(name);
    if ((typeof given === "bigint" ? Number(given) : given) !== value) throw this.unsupported(name, next);
  }

  warn(name: string, message: string): void {
    this.notes.warn(this.keyOf(name), this.pathOf(name), message);
  }

  unsupported(name: string, next: string): ImportError {
    return this.error(name, { what: "this setting has no counterpart", next });
  }

  /** @param index of the value in a list of values */
  error(name: string, { what, ...rest }: ErrorReport, index = 0): ImportError {
    const path = this.pathOf(name);
    const got = rest.got ?? this.shown(name);
    return new ImportError({
      ...rest,
      what: `${path}: ${what}`,
      where: this.notes.at(this.keyOf(name, index)),
      got,
    });
  }

  /** @throws ImportError for a setting that is not set, or for several of which one has to be */
  missing(name: string, ...others: readonly string[]): never {
    const isOne = others.length === 0;
    throw new ImportError({
      what: isOne
        ? `${this.pathOf(name)} is missing`
        : `${this.path} needs one of ${[name, ...others].join(", ")}`,
      where: this.notes.at(this.key),
      next: `Set ${isOne ? "it" : "one of them"}; TorchEasyRec needs it too.`,
    });
  }

  /** @throws ImportError for the first setting in the file that nothing has read */
  refuseUnread(): void {
    const lineOf = ({ section, name }: { section: Section; name: string }) =>
      this.notes.lineOf(section.keyOf(name));
    const [first] = this.unread().sort((a, b) => lineOf(a) - lineOf(b));
    if (first) throw first.section.unsupported(first.name, "Remove it if the model can train without it.");
  }

  private unread(): { section: Section; name: string }[] {
    const own = this.names.filter((name) => !this.read.has(name)).map((name) => ({ section: this, name }));
    return [...own, ...[...this.children.values()].flatMap((child) => child.unread())];
  }

  private value(name: string): unknown {
    const field = this.field(name);
    if (!field) return undefined;
    this.read.add(name);
    if (this.isSet(field)) return this.message.get(field);
    return field.fieldKind === "scalar" || field.fieldKind === "enum" ? field.getDefaultValue() : undefined;
  }

  private child(message: ReflectMessage, name: string, shown: string, count: number): Section {
    const key = `${this.key}${this.key && "."}${name}[${count}]`;
    const known = this.children.get(key);
    if (known) return known;
    const child = new Section(message, this.notes, this.path ? `${this.path}.${shown}` : shown, key);
    this.children.set(key, child);
    return child;
  }

  private isSet(field: DescField): boolean {
    return this.message.isSet(field);
  }

  /** `undefined` for a setting that this kind of message does not have. */
  private field(name: string): DescField | undefined {
    return this.message.desc.fields.find((field) => field.name === name);
  }

  private pathOf(name: string): string {
    return this.path ? `${this.path}.${name}` : name;
  }

  private keyOf(name: string, index = 0): string {
    return `${this.key}${this.key && "."}${name}[${index}]`;
  }

  private shown(name: string): string | undefined {
    const field = this.field(name);
    if (!field || !this.isSet(field)) return undefined;
    if (field.fieldKind === "scalar")
      return JSON.stringify(this.message.get(field), (_, v) => (typeof v === "bigint" ? Number(v) : v));
    if (field.fieldKind === "enum") return this.choice(name);
    return `a ${field.fieldKind === "message" ? field.message.name : field.fieldKind}`;
  }
}

/** The number of the scalar type FLOAT in protobuf. */
const FLOAT = 2;

/** The shortest decimal of a float32: the file has 0.001, not 0.0010000000474974513. */
function fromFloat(value: number, field: DescField): number {
  const isFloat = (field.fieldKind === "scalar" || field.fieldKind === "list") && field.scalar === FLOAT;
  return isFloat ? shortest(value) : value;
}

function shortest(value: number): number {
  for (let digits = 1; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === Math.fround(value)) return short;
  }
  return value;
}
