import { PairloomError } from "../errors.js";

/** A pipeline config or state dict of another system that cannot be imported; `where` is file and line. */
export class ImportError extends PairloomError {}
