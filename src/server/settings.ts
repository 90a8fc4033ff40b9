/** What a server accepts, and how it is reached. */
export interface ServerSettings {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** Needed outside the loopback interface, unless clients show certificates. */
  readonly token?: string;
  readonly tls?: TlsFiles;
  readonly limits: Limits;
  /** The share of scoring requests that are logged with their answers. */
  readonly sample: number;
  readonly logLevel: "info" | "warn" | "silent";
}

/** The texts of PEM files. */
export interface TlsFiles {
  readonly cert: string;
  readonly key: string;
  /** Clients need a certificate that this authority signed. */
  readonly clientCa?: string;
}

export interface Limits {
  /** Bytes of a body. */
  readonly body: number;
  /** Rows, or items, of a request. */
  readonly rows: number;
  /** Requests that wait to be scored; more are refused before their bodies are read. */
  readonly waiting: number;
  /** Milliseconds that a request may wait under lasting load, by the pace of those before it; others are refused in the same way. */
  readonly work: number;
  /** Milliseconds that a request may wait to be scored. */
  readonly deadline: number;
  /** Milliseconds in which headers and body must have arrived. */
  readonly arrival: number;
  readonly connections: number;
}

export const DEFAULT_LIMITS: Limits = {
  body: 2 * 2 ** 20,
  rows: 10_000,
  waiting: 1000,
  work: 10,
  deadline: 1000,
  arrival: 10_000,
  connections: 4096,
};
