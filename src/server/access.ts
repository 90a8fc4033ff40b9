import { createHash, timingSafeEqual } from "node:crypto";
import { ConfigError } from "../errors.js";
import { RequestError } from "./refusals.js";
import type { ServerSettings } from "./settings.js";

/** Names of the own machine, in the header Host; names of machines have no case (RFC 9110, 4.2.3). A web site whose name leads here (DNS rebinding) has another. */
const LOOPBACK = /^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/i;
const LOOPBACK_HOSTS = ["localhost", "127.0.0.1", "::1"];

/** Names of schemes have no case (RFC 9110, 11.1). */
const SCHEME = /^bearer /i;

/** What Kubernetes asks, without a token. */
const OPEN_PATHS = ["/health", "/ready"];

/** @throws ConfigError for a server that anyone in a network could use */
export function refuseOpenServer({ host, token, tls }: ServerSettings): void {
  if (LOOPBACK_HOSTS.includes(host) || token !== undefined || tls?.clientCa !== undefined) return;
  throw new ConfigError({
    what: "outside this machine a server needs a token, or certificates of its clients",
    where: "--host",
    got: host,
    expected: "PAIRLOOM_TOKEN, --token-file, or --client-ca with --tls-cert and --tls-key",
    next: "Set the environment variable PAIRLOOM_TOKEN to a long random text, which clients send as `Authorization: Bearer …`.",
  });
}

interface Asked {
  readonly url: string;
  readonly headers: { readonly host?: string; readonly authorization?: string };
}

/** @returns a check of a request, which throws RequestError if the request has no access */
export function accessCheck({ token, tls }: ServerSettings): (request: Asked) => void {
  if (token !== undefined) {
    const wanted = digest(`Bearer ${token}`);
    return ({ url, headers: { authorization = "" } }) => {
      // Digests have one length, and comparing them takes one time.
      const isRight = timingSafeEqual(digest(authorization.replace(SCHEME, "Bearer ")), wanted);
      if (!isRight && !OPEN_PATHS.includes(url)) throw withoutToken();
    };
  }
  if (tls?.clientCa !== undefined) return () => undefined;
  return ({ headers: { host = "" } }) => {
    if (!LOOPBACK.test(host)) throw otherHost(host);
  };
}

const digest = (text: string) => createHash("sha256").update(text).digest();

function withoutToken(): RequestError {
  return new RequestError(401, {
    what: "the request has no valid token",
    where: "the header Authorization",
    expected: "Bearer, and the token of the server",
    next: "Send the token with which the server was started.",
  });
}

function otherHost(host: string): RequestError {
  return new RequestError(403, {
    what: "without a token, this server answers to requests for this machine only",
    where: "the header Host",
    got: host,
    expected: "localhost or 127.0.0.1",
    next: "Use the address http://127.0.0.1, or start the server with a token.",
  });
}
