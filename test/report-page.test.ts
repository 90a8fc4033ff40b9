import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { gatherLogged } from "../src/report/gather.js";
import { reportPage } from "../src/report/page/page.js";
import type { ReportData } from "../src/report/report-data.js";
import { RunWatcher } from "../src/report/watch/run-watcher.js";
import { WatchServer } from "../src/report/watch/watch-server.js";
import { MetricsLog } from "../src/train/log/metrics-log.js";
import { cli, csv, makeWorld, rows, smallConfig, type World } from "./cli-world.js";

/** The page of a run in a browser. Screenshots of a failed test tell more: PAIRLOOM_SCREENSHOTS=<folder> keeps them. */
const BROWSERS = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
const FOLDERS = ["/usr/bin", "/usr/local/bin", "/snap/bin"];
const found = [
  process.env.CHROMIUM ?? "",
  ...FOLDERS.flatMap((folder) => BROWSERS.map((name) => join(folder, name))),
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
].find((path) => path !== "" && existsSync(path));
if (found === undefined)
  console.warn(
    "The tests of the page are skipped: no Chromium was found. Install one, or name it: CHROMIUM=<path>.",
  );

let world: World;
let browser: Browser;
let data: ReportData;

beforeAll(async () => {
  if (found === undefined) return;
  world = makeWorld();
  world.write("rows.csv", csv(rows(1500)));
  world.write("valid.csv", csv(rows(200)));
  world.write("test.csv", csv(rows(300)));
  const config = smallConfig();
  config.data.valid = { path: "valid.csv" };
  config.train.epochs = 3;
  world.write("pairloom.config.json", JSON.stringify(config));
  await cli("train", ".", "--run", "runs/one", "--threads", "1");
  data = JSON.parse((await cli("report", "runs/one", "--json", "--threads", "1")).out);
  browser = await chromium.launch({ executablePath: found, args: ["--no-sandbox"] });
});
afterAll(async () => {
  await browser?.close();
  world?.remove();
});

/** The same report with what makes a layout burst: long names, many features, long sentences, several labels. */
function stretched(): ReportData {
  const long = (i: number) => `a_feature_with_a_very_long_name_that_never_ends_${i}`;
  const [first] = data.scored!.importance;
  const [label] = data.scored!.labels;
  const features = Array.from({ length: 12 }, (_, i) => long(i));
  return {
    ...data,
    run: `a-run-${"x".repeat(120)}`,
    warnings: [`Look: ${"a_long_word_without_any_space".repeat(8)}.`, `A ${"long sentence ".repeat(40)}.`],
    leftOut: {},
    scored: {
      ...data.scored!,
      labels: [label, { ...label, label: long(1) }],
      importance: Array.from({ length: 60 }, (_, i) => ({ ...first, feature: long(i), effect: 1 / (i + 1) })),
      pairs: {
        features,
        strength: features.map((_, i) => features.map((_, j) => (i === j ? 0 : 144 / (i + j)))),
      },
    },
  };
}

interface Shown {
  readonly page: Page;
  /** What went wrong: errors of the console, and requests to anywhere. */
  readonly faults: string[];
}

type Scheme = "light" | "dark";

async function show(url: string, width: number, colorScheme: Scheme): Promise<Shown> {
  const page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme });
  const faults: string[] = [];
  page.on("console", (message) => void (message.type() === "error" && faults.push(message.text())));
  page.on("pageerror", (error) => void faults.push(error.message));
  page.on("request", (request) => {
    if (request.url() !== url && !request.url().startsWith("data:")) faults.push(request.url());
  });
  await page.goto(url);
  await page.waitForSelector("canvas");
  return { page, faults };
}

function file(name: string, report: ReportData): string {
  writeFileSync(name, reportPage(report));
  return pathToFileURL(name).href;
}

/** Runs in the page: texts whose contrast with what is behind them is below 4.5 (WCAG 2.1, AA). */
const LOW_CONTRAST = `(() => {
  const rgb = (text) => text.match(/[\\d.]+/g).map(Number);
  const luminance = ([r, g, b]) => {
    const linear = [r, g, b].map((v) => v / 255).map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  };
  const behind = (element) => {
    for (let each = element; each; each = each.parentElement) {
      const color = rgb(getComputedStyle(each).backgroundColor);
      if (color[3] !== 0) return color;
    }
    return [255, 255, 255];
  };
  document.querySelectorAll("details").forEach((each) => (each.open = true));
  const low = [];
  for (const element of document.body.querySelectorAll("*")) {
    const hasText = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim() !== "");
    if (!hasText || element.closest("script, noscript, title") || element.getClientRects().length === 0) continue;
    const style = getComputedStyle(element);
    const [a, b] = [luminance(rgb(element.closest("svg") ? style.fill : style.color)), luminance(behind(element))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) low.push(element.tagName + "." + element.className + " " + element.textContent.slice(0, 30) + " " + ratio.toFixed(2));
  }
  return low;
})()`;

/** Runs in the page: for each canvas, the share of its pixels that are painted, and whether a curve has its colour. */
const PAINTED = `[...document.querySelectorAll("#curves canvas")].map((canvas) => {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const hex = getComputedStyle(document.documentElement).getPropertyValue("--s0").trim();
  const [r, g, b] = [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16));
  let [painted, coloured] = [0, 0];
  for (let i = 0; i < data.length; i += 4) {
    if (data[i + 3] > 0) painted++;
    if (data[i] === r && data[i + 1] === g && data[i + 2] === b) coloured++;
  }
  return { painted: (4 * painted) / data.length, coloured };
})`;

const BRIGHTNESS = `getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number).reduce((a, b) => a + b) / 765`;
const OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth";

const CASES = ([360, 1280] as const).flatMap((width) =>
  (["light", "dark"] as const).flatMap((scheme) =>
    (["plain", "stretched"] as const).map((content) => ({ width, scheme, content })),
  ),
);

describe.skipIf(found === undefined)("the page of a run", () => {
  it.each(CASES)("$content, $scheme, $width pixels wide", async ({ width, scheme, content }) => {
    const name = `${content}-${scheme}-${width}`;
    const { page, faults } = await show(
      file(`${name}.html`, content === "plain" ? data : stretched()),
      width,
      scheme,
    );
    expect(await page.evaluate(OVERFLOW)).toBe(0);
    const brightness = await page.evaluate(BRIGHTNESS);
    if (scheme === "dark") expect(brightness).toBeLessThan(0.15);
    else expect(brightness).toBeGreaterThan(0.9);
    const canvases = (await page.evaluate(PAINTED)) as { painted: number; coloured: number }[];
    expect(canvases.length).toBeGreaterThanOrEqual(3); // loss, AUC, learning rate
    for (const { painted, coloured } of canvases) {
      expect(painted).toBeGreaterThan(0.005);
      expect(coloured).toBeGreaterThan(20);
    }
    const screenshot = await page.screenshot({ fullPage: true });
    if (process.env.PAIRLOOM_SCREENSHOTS)
      writeFileSync(join(process.env.PAIRLOOM_SCREENSHOTS, `${name}.png`), screenshot);
    expect(await page.evaluate(LOW_CONTRAST)).toEqual([]);
    expect(await page.evaluate(OVERFLOW)).toBe(0); // with every detail open
    expect(faults).toEqual([]);
    await page.close();
  });

  it("has readable text in every plot, and a name for each", async () => {
    const { page } = await show(file("names.html", data), 360, "light");
    const sizes = (await page.evaluate(
      `[...document.querySelectorAll("svg.plot text")].map((text) => text.getBoundingClientRect().height)`,
    )) as number[];
    expect(sizes.length).toBeGreaterThan(10);
    expect(Math.min(...sizes)).toBeGreaterThan(9);
    const unnamed = await page.evaluate(
      `[...document.querySelectorAll("svg.plot, canvas")].filter((each) => !each.getAttribute("aria-label")).length`,
    );
    expect(unnamed).toBe(0);
    await page.close();
  });

  it("draws again in the other colours when the system changes them", async () => {
    const { page, faults } = await show(file("change.html", data), 800, "light");
    await page.emulateMedia({ colorScheme: "dark" });
    await expect
      .poll(async () => ((await page.evaluate(PAINTED)) as { coloured: number }[])[0].coloured)
      .toBeGreaterThan(20);
    await page.setViewportSize({ width: 360, height: 800 });
    await expect.poll(() => page.evaluate(OVERFLOW)).toBe(0);
    expect(faults).toEqual([]);
    await page.close();
  });

  it("runs no script but its own", async () => {
    const page = await browser.newPage();
    const attacked = reportPage(data).replace(
      "</main>",
      "<script>document.title = 'attacked'</script></main>",
    );
    writeFileSync("attacked.html", attacked);
    await page.goto(pathToFileURL("attacked.html").href);
    await page.waitForSelector("canvas");
    expect(await page.title()).toBe("one: dlrm");
    await page.close();
  });

  it("moves its curves while the run trains, without loading again", async () => {
    const watcher = await RunWatcher.of("runs/one", () => gatherLogged("runs/one"));
    const server = new WatchServer(watcher);
    await watcher.look();
    const page = await browser.newPage();
    await page.goto(await server.listen(0));
    await page.waitForSelector("canvas");
    await page.evaluate("window.sameDocument = true");
    const before = (await page.screenshot()).toString("base64");
    const log = new MetricsLog("runs/one/metrics.jsonl", { resumedStep: 1e9 });
    for (const step of [5000, 6000]) log.write({ step, epoch: 9, split: "train", values: { loss: 3 } });
    log.close();
    await watcher.look();
    await expect.poll(() => page.textContent("#state")).toContain("step 6,000");
    expect(await page.textContent("#curve-table")).toContain("6,000");
    await expect.poll(async () => (await page.screenshot()).toString("base64") === before).toBe(false);
    expect(await page.evaluate("window.sameDocument")).toBe(true);
    await page.close();
    await server.close();
  });
});
