import { z } from "zod";

/** The setting `store` of a feature: how much memory its table takes in training. See docs/tables.md. */

const DECIMAL = { KB: 1e3, MB: 1e6, GB: 1e9, TB: 1e12 } as const;
const BINARY = { KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 } as const;
const UNITS = { ...DECIMAL, ...BINARY };
const SIZE = /^(\d+(?:\.\d+)?)(%|[KMGT]i?B)$/;

/** The bytes of a text such as "64GiB"; undefined for others. */
export function bytesOfSize(text: string): number | undefined {
  const [, number, unit] = SIZE.exec(text) ?? [];
  return unit in UNITS ? Math.floor(Number(number) * UNITS[unit as keyof typeof UNITS]) : undefined;
}

export const storeSchema = z.strictObject({
  /** Bytes of memory, such as "8GB", or a share of the table with its optimizer states, such as "25%". */
  memory: z
    .string()
    .refine((size) => Number(SIZE.exec(size)?.[1]) > 0, 'not a size such as "8GB", "500MiB" or "25%"'),
  /** A directory for the file with the other rows, on a fast disk; default the directory of the run. */
  path: z.string().min(1).optional(),
});

export type StoreConfig = z.output<typeof storeSchema>;

/** The bytes of memory for a table, by the size of the table in bytes. */
export function memoryOf({ memory }: StoreConfig, tableBytes: number): number {
  const [, number, unit] = SIZE.exec(memory)!;
  const one = unit === "%" ? tableBytes / 100 : UNITS[unit as keyof typeof UNITS];
  return Math.floor(Number(number) * one);
}
