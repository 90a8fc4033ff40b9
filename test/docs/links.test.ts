import { existsSync, statSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { expect, it } from "vitest";
import { PAGES, type Page, proseOf, ROOT } from "./pages.js";

interface Link {
  readonly from: string;
  readonly to: string;
  readonly anchor?: string;
}

function linksOf(page: Page): Link[] {
  const targets = [...proseOf(page).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target);
  return targets
    .filter((target) => !/^[a-z]+:/.test(target))
    .map((target) => {
      const [path, anchor] = target.split("#");
      const to = path === "" ? page.path : normalize(join(dirname(page.path), path));
      return { from: page.path, to, anchor };
    });
}

/** The anchors of a page: headings as GitHub names them, and `<a name>`. */
function anchorsOf(page: Page): string[] {
  const headings = [...proseOf(page).matchAll(/^#+ (.*)$/gm)].map(([, title]) => slug(title));
  const seen = new Map<string, number>();
  const numbered = headings.map((heading) => {
    const times = seen.get(heading) ?? 0;
    seen.set(heading, times + 1);
    return times === 0 ? heading : `${heading}-${times}`;
  });
  return [...numbered, ...[...page.text.matchAll(/<a name="([^"]+)">/g)].map(([, name]) => name)];
}

const slug = (title: string): string =>
  title
    .replace(/\[([^\]]*)\]\([^)]*\)/g, "$1")
    .toLowerCase()
    .replace(/[^\p{L}\p{N}_ -]/gu, "")
    .replaceAll(" ", "-");

const links = PAGES.flatMap(linksOf);
const pageAt = new Map(PAGES.map((page) => [page.path, page]));

it("every relative link leads to a file or folder", () => {
  const dead = links.filter(({ to }) => !existsSync(join(ROOT, to)));
  expect(dead).toEqual([]);
});

it("every anchor is a heading of its page", () => {
  const dead = links.filter(({ to, anchor }) => {
    const page = pageAt.get(to);
    return anchor !== undefined && (page === undefined || !anchorsOf(page).includes(anchor));
  });
  expect(dead).toEqual([]);
});

it("docs/README.md and README.md each list every page", () => {
  const listed = (index: string) =>
    new Set(links.filter(({ from, anchor }) => from === index && !anchor).map(({ to }) => to));
  const guides = PAGES.map(({ path }) => path).filter((path) => /^docs\/[^/]+\.md$/.test(path));
  const [readme, index] = [listed("README.md"), listed("docs/README.md")];
  expect(guides.filter((path) => path !== "docs/README.md" && !index.has(path))).toEqual([]);
  expect(guides.filter((path) => !readme.has(path))).toEqual([]);
});

it("every page is reachable from docs/README.md", () => {
  const reached = new Set(["docs/README.md"]);
  for (const path of reached)
    for (const { from, to } of links)
      if (from === path) reached.add(statSync(join(ROOT, to)).isDirectory() ? join(to, "README.md") : to);
  const internal = ["README.md", "SECURITY.md"];
  const lost = PAGES.map(({ path }) => path).filter((path) => !reached.has(path) && !internal.includes(path));
  expect(lost).toEqual([]);
});
