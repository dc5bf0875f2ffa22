/** JavaScript source to QuickJS bytecode, by the very engine that will run it. */
import { readFile } from "node:fs/promises";
import { CompileFlags, QuickJS } from "quickjs-wasi";

/** Compiles a script. Function names stay, for a defect's stack; source text and line numbers would be resident for nothing. */
export async function compile(source: string, name: string, wasmFile: string): Promise<Uint8Array> {
  const engine = await QuickJS.create({ wasm: await readFile(wasmFile) });
  return engine.compile(source, name, 0, CompileFlags.STRIP_SOURCE | CompileFlags.STRIP_DEBUG);
}
