import { expect, it } from "vitest";
import type { Checkpoint } from "../../checkpoint/index.js";
import { CheckpointError } from "../../errors.js";
import { positionOf, readsOf } from "./refusals.js";

const FILE = { path: "a.csv", bytes: 1, modified: 2, sha256: "" };
const checkpoint = (read: unknown) => ({ dir: "run/step-1", manifest: { reader: { read } } }) as Checkpoint;

it("a checkpoint says what its run has read, and what its stretch reads", () => {
  const read = { position: { files: [FILE], topics: {} }, reads: { files: [FILE] } };
  expect(positionOf(checkpoint(read))).toEqual(read.position);
  expect(readsOf(checkpoint(read))).toEqual(read.reads);
});

it.each([undefined, {}, { position: null, reads: null }, { position: { files: 1 }, reads: { files: 1 } }])(
  "a checkpoint that says it wrongly or not at all is refused with its directory: %j",
  (read) => {
    for (const of of [positionOf, readsOf]) {
      expect(() => of(checkpoint(read))).toThrow(CheckpointError);
      expect(() => of(checkpoint(read))).toThrow(/run\/step-1: reader\.read/);
    }
  },
);
