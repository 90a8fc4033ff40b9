export { AbsentBaseError } from "./chain.js";
export { Checkpoint, MODEL_FILE, OPTIMIZER_FILE, type Part, readCheckpoint } from "./checkpoint.js";
export {
  checkpointDirs,
  type Found,
  findBest,
  findLatest,
  listCheckpoints,
  measuredBestFirst,
  type Pointer,
  type Rejected,
  readPointer,
  updatePointers,
} from "./discovery.js";
export { DiskError, exists, isAbsent, isDamage, onDiskSync, readText, unlessAbsent } from "./disk.js";
export { makeDirectory, replaceFile } from "./durable.js";
export { isLocked, RunLock, seesLock } from "./lock.js";
export { MANIFEST_FILE, type Manifest, type ManifestContent } from "./manifest.js";
export { checkpointsDir } from "./paths.js";
export { pruneCheckpoints } from "./prune.js";
export { SafetensorsFile } from "./safetensors-reader.js";
export { type TensorSource, writeSafetensors } from "./safetensors-writer.js";
export type { Tensors } from "./tensors.js";
export { type CheckpointContent, type TableContent, writeCheckpoint } from "./write.js";
