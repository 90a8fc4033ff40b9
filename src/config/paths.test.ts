import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ConfigError } from "../errors.js";
import { formatPath, leavesOf, locate, type Path, parsePath, valueAt } from "./paths.js";

const key = fc.oneof(fc.string({ minLength: 1 }), fc.constantFrom("a", "zip code", "x.y", '"', "[0]", "="));
const path = fc
  .tuple(key, fc.array(fc.oneof(key, fc.nat(50)), { maxLength: 5 }))
  .map(([first, rest]): Path => [first, ...rest]);

describe("parsePath", () => {
  it("reads what formatPath writes, for any keys", () => {
    fc.assert(
      fc.property(path, (keys) => {
        expect(parsePath(formatPath(keys))).toEqual(keys);
      }),
    );
  });

  it.each(["", ".", ".a", "a.", "a..b", "a[", "a[x]", "a[-1]", "a b", 'a["b]', "a=b"])(
    "refuses %j",
    (text) => {
      expect(() => parsePath(text)).toThrow(ConfigError);
    },
  );
});

describe("locate", () => {
  const config = { features: [{ name: "a" }, { name: "b.c", dim: 4 }, { name: "0", dim: 5 }], list: [1, 2] };

  it("finds members of a list by name or by index", () => {
    expect(locate(config, parsePath("features.a.dim"))).toEqual(["features", 0, "dim"]);
    expect(locate(config, parsePath('features["b.c"].dim'))).toEqual(["features", 1, "dim"]);
    expect(locate(config, parsePath("features.0"))).toEqual(["features", 2]);
    expect(locate(config, parsePath("features[0]"))).toEqual(["features", 0]);
    expect(locate(config, parsePath("train.optimizer.dense"))).toEqual(["train", "optimizer", "dense"]);
  });

  it("names the members that a list has, and its place", () => {
    const report = (text: string) => {
      try {
        return locate(config, parsePath(text));
      } catch (error) {
        return (error as ConfigError).report;
      }
    };
    expect(report("features.other.dim")).toMatchObject({ where: "features.other", expected: "a, b.c, 0" });
    expect(report("list[2]")).toMatchObject({ where: "list[2]", expected: "an index from 0 to 1" });
    expect(report("list[0].x")).toMatchObject({ where: "list[0].x", next: "Set list[0] itself." });
  });
});

describe("leavesOf", () => {
  it("has every value under a path that leads to it", () => {
    const member = fc.record({ name: fc.string(), x: fc.oneof(fc.integer(), fc.array(fc.integer())) });
    const config = fc.dictionary(
      fc.string(),
      fc.oneof(fc.integer(), fc.constant(null), fc.uniqueArray(member, { selector: ({ name }) => name })),
    );
    fc.assert(
      fc.property(config, (value) => {
        for (const [text, leaf] of leavesOf(value))
          expect(valueAt(value, locate(value, parsePath(text)))).toEqual(leaf);
      }),
    );
  });

  it("names list members by their names, and keeps lists of plain values whole", () => {
    const value = { features: [{ name: "a", dims: [1, 2] }], none: {}, rows: [{ x: 1 }] };
    expect([...leavesOf(value)]).toEqual([
      ["features.a.name", "a"],
      ["features.a.dims", [1, 2]],
      ["none", {}],
      ["rows[0].x", 1],
    ]);
  });
});
