import { expect, it } from "vitest";
import { ConfigError, messageOf } from "./errors.js";

it("an error that another message quotes is one line without its next step", () => {
  const inner = new ConfigError({
    what: "it broke",
    where: "here",
    got: "2",
    expected: "1",
    next: "Mend it.",
  });
  const outer = new ConfigError({ what: "the outer failed", got: messageOf(inner), next: "Look there." });
  expect(outer.message).toBe(
    ["the outer failed", "  got:      here: it broke: 2", "  next:     Look there."].join("\n"),
  );
  expect(messageOf(new Error("plain"))).toBe("plain");
  expect(messageOf("text")).toBe("text");
});
