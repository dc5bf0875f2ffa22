/** The JavaScript engine is one that was looked at: its WebAssembly is pinned by hash, beside the lockfile's pin of its package. */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { UserError } from "@bernard/tools";

/** SHA-256 of quickjs.wasm in the version of quickjs-wasi that package.json names. */
const ENGINE_SHA256 = "d4c9375f2b1ca4dc95f72c8aa2982a7a9951ac8011490d79c6582df732b4bbd9";

/** Refuses an engine other than the pinned one. */
export async function checkEngine(wasmFile: string): Promise<void> {
  const found = createHash("sha256")
    .update(await readFile(wasmFile))
    .digest("hex");
  if (found === ENGINE_SHA256) return;
  throw new UserError(
    `${wasmFile}: not the pinned engine: its SHA-256 is ${found}, not ${ENGINE_SHA256}`,
    "delete node_modules and run make setup; if quickjs-wasi was updated on purpose, look at it, then put the new hash into packages/guest/build/engine-pin.ts",
  );
}
