export type { BagColumn, Column, ColumnSet, FloatColumn, IdColumn } from "../columns/columns.js";
export { PackedDataset } from "./packed.js";
export type { PrepareOptions, PrepareProgress } from "./prepare.js";
export { prepareData } from "./prepare.js";
export type { PreparedData } from "./prepared.js";
export { openPrepared } from "./prepared.js";
export type { QuarantinedRow } from "./quarantine.js";
export type { BadRow, ScanBatch, ScanOptions } from "./scan.js";
export { scanSource } from "./scan.js";
