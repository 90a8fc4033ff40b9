export type { BagColumn, Column, ColumnSet, FloatColumn, IdColumn } from "../columns/columns.js";
export { PackedDataset } from "./pack/packed.js";
export type { PreparedData } from "./pack/prepared.js";
export { openPrepared } from "./pack/prepared.js";
export type { QuarantinedRow } from "./pack/quarantine.js";
export type { PrepareOptions, PrepareProgress } from "./prepare.js";
export { prepareData } from "./prepare.js";
export type { BadRow, ScanBatch, ScanOptions } from "./source/scan.js";
export { scanSource } from "./source/scan.js";
