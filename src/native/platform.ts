import { familySync } from "detect-libc";

/** A system with a package of its own that holds the native core. The keys have the names and values of npm's. */
export interface Platform {
  readonly os: NodeJS.Platform;
  readonly cpu: NodeJS.Architecture;
  /** Linux only. */
  readonly libc?: "glibc" | "musl";
}

/** By the last part of the package's name. */
export const PLATFORMS = {
  "linux-x64-gnu": { os: "linux", cpu: "x64", libc: "glibc" },
  "linux-x64-musl": { os: "linux", cpu: "x64", libc: "musl" },
  "linux-arm64-gnu": { os: "linux", cpu: "arm64", libc: "glibc" },
  "linux-arm64-musl": { os: "linux", cpu: "arm64", libc: "musl" },
  "darwin-arm64": { os: "darwin", cpu: "arm64" },
  "darwin-x64": { os: "darwin", cpu: "x64" },
  "win32-x64": { os: "win32", cpu: "x64" },
} as const satisfies Readonly<Record<string, Platform>>;

export type PlatformName = keyof typeof PLATFORMS;

/** The package that holds the native core of a platform. */
export const corePackage = (name: PlatformName): string => `@pairloom/core-${name}`;

/** The platform of this process; undefined if no package is made for it. */
export function thisPlatform(): PlatformName | undefined {
  const names = Object.keys(PLATFORMS) as PlatformName[];
  return names.find((name) => isThis(PLATFORMS[name]));
}

function isThis({ os, cpu, libc }: Platform): boolean {
  return os === process.platform && cpu === process.arch && (libc === undefined || libc === familySync());
}
