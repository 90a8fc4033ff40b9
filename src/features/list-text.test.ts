import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Duck, quoteText } from "../data/source/duckdb.js";
import { NO_LIST } from "./canonical.js";
import { bracketedList, listOfText, listTextSql } from "./list-text.js";

describe("a list in brackets", () => {
  it.each<[string, (string | null)[] | undefined]>([
    ["[3, 5]", ["3", "5"]],
    ["[]", []],
    ["[ 1.0 ,, x y ]", ["1.0", "x y"]],
    ['["a", "b,c", "caf\\u00e9", null]', ["a", "b,c", "café", null]],
    ["['a', 'it\\'s', None, NULL]", ["a", "it's", null, null]],
    ["[don't]", ["don't"]],
    ['["a\\qb"]', ["a\\qb"]],
    ["3,5", undefined],
    ["[3],[5]", undefined],
    ["[[3], [5]]", undefined],
    ['["a]', undefined],
    ["[3, 5] ", undefined],
  ])("%s", (text, elements) => {
    expect(bracketedList(text)).toEqual(elements);
  });

  it("that never closes is refused in linear time", () => {
    expect(bracketedList(`[${"a ".repeat(50_000)}`)).toBeUndefined();
    expect(bracketedList(`[${"a, ".repeat(50_000)}"`)).toBeUndefined();
  });
});

describe("a text between separators", () => {
  it.each([
    "[1,2",
    "1,2]",
    "[1],2",
    "1,[2]",
    "{}",
    '{"a":1}',
    '{"a":1,"b":2}',
    "{1,2}",
    "[[1],[2]]",
    "[[1]]",
    " [1, 2]",
    "a,]b[",
  ])("%s is no list", (text) => {
    expect(listOfText(text, ",")).toEqual([NO_LIST, ...text.split(",")]);
  });

  it("may have brackets in pairs in its parts", () => {
    for (const [text, separator] of [
      ["a [b],c", ","],
      ["[a] b|{c} d", "|"],
      ["f[0]{1},x", ","],
      ["(1,2)", ","],
    ])
      expect(listOfText(text, separator)).toEqual(text.split(separator));
    expect(listOfText("[a|b] c|d", "|")[0]).toBe(NO_LIST);
  });
});

describe("SQL", () => {
  let duck: Duck;
  beforeAll(async () => {
    duck = await Duck.open("");
  });
  afterAll(() => duck.close());

  it("reads every text as JavaScript does", async () => {
    const text = fc.oneof(
      fc.stringMatching(/^\[[ \t\na,"'\\[\]]{0,10}\]$/),
      fc.stringMatching(/^[a ,{}[\]\n]{0,10}$/),
      fc.array(fc.string({ unit: "grapheme" })).map((list) => JSON.stringify(list)),
      fc.constantFrom("", "a,b", "[NULL, null , None,nulls]", "['a\\nb' ,\"\\u00e9\"]"),
    );
    const texts = fc.sample(
      text.filter((t) => !t.includes("\0")),
      3000,
    );
    const sql = `SELECT to_json(${listTextSql("x", ",", "e")}) FROM (SELECT unnest([${texts.map(quoteText).join(", ")}]) AS x)`;
    const lists = (await duck.rows(sql, "test")).map(([json]) => JSON.parse(json!));
    expect(lists).toEqual(texts.map((t) => listOfText(t, ",")));
  });
});
