import { PairloomError } from "../errors.js";

/** A pipeline config or state dict of another system that cannot be brought along; `where` is file and line. */
export class ImportError extends PairloomError {}
