/** Markup that is safe to put into a page. */
export class Html {
  constructor(readonly text: string) {}
}

type Value = Html | string | number | undefined | readonly Value[];

/** A template whose values are escaped, unless they are markup themselves; lists are joined, `undefined` is empty. */
export function html(strings: TemplateStringsArray, ...values: readonly Value[]): Html {
  return new Html(strings.reduce((text, part, i) => `${text}${markup(values[i - 1])}${part}`));
}

function markup(value: Value): string {
  if (value === undefined) return "";
  if (value instanceof Html) return value.text;
  if (Array.isArray(value)) return value.map(markup).join("");
  return escaped(String(value));
}

/** For texts and attributes in double or single quotes. */
function escaped(text: string): string {
  return text.replaceAll(/[&<>"']/g, (mark) => `&#${mark.charCodeAt(0)};`);
}

/** JSON for a `<script type="application/json">`, which no text in it can end. */
export const jsonBlock = (value: unknown): Html => new Html(JSON.stringify(value).replaceAll("<", "\\u003c"));
