/** Ways to write down what a package installs. */
import { gzipSync } from "node:zlib";
import type { Entry } from "./tree.ts";

/** A file that everybody may read. */
export function plain(path: string, content: string | Uint8Array): Entry {
  return { path, bytes: Buffer.from(content), mode: 0o644 };
}

/** The same, as gzip without a time. */
export function zipped(path: string, content: string | Uint8Array): Entry {
  return plain(path, gzipSync(content, { level: 9 }));
}

/** An empty folder. */
export function folder(path: string): Entry {
  return { path, bytes: undefined, mode: 0o755 };
}
