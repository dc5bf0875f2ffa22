/**
 * Builds `bernard-guest` and `bernard-guest-tests` for one architecture: TypeScript to bytecode, QuickJS from WebAssembly to C
 * to an object (slow, cached), the C host, one static musl binary each. See docs/decisions/0001-guest-runtime.md.
 */
import { randomUUID } from "node:crypto";
import { cp, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { buildRoot, cached, ensureInstalled, run, type Say, unpack } from "@bernard/tools";
import { build as bundle } from "esbuild";
import { compile } from "./bytecode.ts";
import { checkEngine } from "./engine-pin.ts";

export type Arch = "x86_64" | "i386" | "arm64";

export const ARCHES: readonly Arch[] = ["x86_64", "i386", "arm64"];

/** JavaScript's numbers are IEEE doubles; the x87 unit, i386's default, rounds them twice. Any processor since 2001 has SSE2. */
const CFLAGS_I386 = ["-msse2", "-mfpmath=sse"];

/** Debian's cross compilers (gcc-multilib would conflict with them), and musl's names for the architectures. */
const CROSS = {
  i386: { package: "gcc-i686-linux-gnu", gcc: "i686-linux-gnu-gcc", musl: "i386", flags: CFLAGS_I386 },
  arm64: { package: "gcc-aarch64-linux-gnu", gcc: "aarch64-linux-gnu-gcc", musl: "aarch64", flags: [] },
} as const;

/** What runs a binary on this machine, an x86-64, where its processor does not: the Debian package, and its program. */
export const EMULATORS: Readonly<Partial<Record<Arch, { readonly package: string; readonly program: string }>>> = {
  arm64: { package: "qemu-user", program: "qemu-aarch64" },
};

/** Debian packages that a build for `arch` needs. */
export function packagesFor(arch: Arch): readonly string[] {
  return [
    "wabt", // wasm2c and its run-time sources
    "gcc",
    "libc6-dev", // the kernel's headers come with it
    "musl-tools", // musl for x86_64: small, static, no surprises
    ...(arch === "x86_64" ? [] : [CROSS[arch].package]),
  ];
}

const packageRoot = join(import.meta.dirname, "..");
const host = join(packageRoot, "host");
const wasmFile = createRequire(import.meta.url).resolve("quickjs-wasi/quickjs.wasm");

/** Where wabt puts the sources that wasm2c's output is compiled with. */
const WASM_RT = "/usr/share/wabt/wasm2c";
const WASM_RT_HEADER = "/usr/include/wasm-rt.h";

/** Sections and no unwind tables: what is not called is not linked, and nothing is resident that only debuggers read. */
const CFLAGS = ["-O2", "-DNDEBUG", "-ffunction-sections", "-fdata-sections", "-fno-asynchronous-unwind-tables"];
const LDFLAGS = ["-static", "-no-pie", "-s", "-Wl,--gc-sections", "-Wl,-z,norelro", "-Wl,--build-id=none"];

/** Paths of the finished binaries. */
export interface GuestBinaries {
  readonly daemon: string;
  readonly tests: string;
}

/** Builds for `arch` into `build/ARCH/` and returns the binaries' paths there; does nothing when nothing changed. */
export async function buildGuest(arch: Arch, say: Say): Promise<GuestBinaries> {
  await checkEngine(wasmFile);
  await ensureInstalled(packagesFor(arch), say);
  const compiler = await compilerFor(arch, say);
  const engine = await buildEngine(arch, compiler, say);
  const dir = await cached(
    {
      name: `bernard-guest-${arch}`,
      inputs: [engine, compiler.join(" "), ...CFLAGS, ...LDFLAGS],
      files: [...["src", "host", "build", "vectors"].map((name) => join(packageRoot, name)), messagesFile],
      build: async (out) => {
        const daemon = await program("src/main.ts", arch);
        const tools = await program("src/tools.ts", arch);
        const tests = { ...(await program("vectors/main.ts", arch)), memory: TESTS_MEMORY };
        await link(compiler, engine, { daemon, tools }, join(out, "bernard-guest"));
        await link(compiler, engine, { daemon: tests, tools: tests }, join(out, "bernard-guest-tests"));
      },
    },
    say,
  );
  return { daemon: await publish(dir, arch, "bernard-guest"), tests: await publish(dir, arch, "bernard-guest-tests") };
}

/** Copies a binary to where people look for it, `build/ARCH/`, whole or not at all. */
async function publish(from: string, arch: Arch, name: string): Promise<string> {
  const to = join(buildRoot, arch, name);
  const built = await readFile(join(from, name));
  const there = await readFile(to).catch(() => undefined);
  if (there?.equals(built)) return to;
  await mkdir(join(buildRoot, arch), { recursive: true });
  const copy = `${to}.${randomUUID()}.tmp`;
  await writeFile(copy, built, { mode: 0o755 });
  await rename(copy, to);
  return to;
}

/** The one file of another package that ends up in the binary. */
const messagesFile = createRequire(import.meta.url).resolve("@bernard/protocol/messages");

/** The command that compiles C for `arch` with musl, and its first arguments. */
export async function compilerFor(arch: Arch, say: Say): Promise<string[]> {
  if (arch === "x86_64") return ["musl-gcc"];
  const cross = CROSS[arch];
  const musl = await unpack(`musl-${arch}`, [`musl-dev:${arch}`], say);
  const specs = (await readFile("/usr/lib/x86_64-linux-musl/musl-gcc.specs")).toString();
  const dir = await cached(
    {
      name: `musl-${arch}-specs`,
      inputs: [specs, musl],
      build: async (out) => {
        const here = specs
          .replaceAll("/usr/include/x86_64-linux-musl", `${musl}/usr/include/${cross.musl}-linux-musl`)
          .replaceAll("/usr/lib/x86_64-linux-musl", `${musl}/usr/lib/${cross.musl}-linux-musl`)
          .replaceAll("ld-musl-x86_64", `ld-musl-${cross.musl}`);
        await writeFile(join(out, "musl-gcc.specs"), here);
      },
    },
    say,
  );
  return [cross.gcc, "-specs", join(dir, "musl-gcc.specs"), ...cross.flags];
}

/** QuickJS as an object file, with the headers that the host needs beside it. */
async function buildEngine(arch: Arch, compiler: readonly string[], say: Say): Promise<string> {
  const version = await run(compiler[0] as string, ["-dumpfullversion"]);
  return cached(
    {
      name: `quickjs-${arch}`,
      inputs: [...compiler.filter((word) => !word.startsWith("/")), version, ...CFLAGS], // the same in every checkout
      files: [wasmFile, join(WASM_RT, "wasm-rt-impl.c"), join(WASM_RT, "wasm-rt-impl.h"), WASM_RT_HEADER],
      build: async (out) => {
        say(`  compiling QuickJS for ${arch}; about half a minute, once`);
        await cp(WASM_RT_HEADER, join(out, "wasm-rt.h"));
        await run("wasm2c", [wasmFile, "-o", join(out, "quickjs.c")]);
        await cc(compiler, out, ["-c", join(out, "quickjs.c"), "-o", join(out, "quickjs.o")]);
        await cc(compiler, out, ["-c", join(WASM_RT, "wasm-rt-impl.c"), "-o", join(out, "wasm-rt-impl.o")]);
      },
    },
    say,
  );
}

async function cc(compiler: readonly string[], engine: string, args: readonly string[]): Promise<void> {
  const [command, ...first] = compiler as [string, ...string[]];
  const includes = [`-I${engine}`, `-I${host}`, `-I${WASM_RT}`];
  await run(command, [...first, ...CFLAGS, ...includes, ...args]);
}

/** Bytes that a program may use; all vectors together are many times the daemon. */
const MEMORY = 4 * 1024 * 1024;
const TESTS_MEMORY = 4 * MEMORY;

interface Program {
  readonly bytecode: Uint8Array;
  readonly memory: number;
}

async function program(entry: string, arch: Arch): Promise<Program> {
  const bundled = await bundle({
    entryPoints: [join(packageRoot, entry)],
    bundle: true,
    write: false,
    format: "iife",
    target: "es2023",
    // Names stay: they are all that a defect's stack shows.
    minifySyntax: true,
    minifyWhitespace: true,
    define: { ARCH: JSON.stringify(arch) },
    logLevel: "silent",
  });
  const { text } = bundled.outputFiles[0] as { text: string };
  return { bytecode: await compile(text, entry, wasmFile), memory: MEMORY };
}

/** Links the programs, as constant bytes, to the host and the engine. */
async function link(
  compiler: readonly string[],
  engine: string,
  programs: { readonly daemon: Program; readonly tools: Program },
  output: string,
): Promise<void> {
  const source = join(dirname(output), "programs.c");
  await writeFile(source, programsSource(programs));
  const objects = ["quickjs.o", "wasm-rt-impl.o"].map((name) => join(engine, name));
  await cc(compiler, engine, [
    "-Wall",
    "-Werror",
    ...LDFLAGS,
    join(host, "host.c"),
    source,
    ...objects,
    "-lm",
    "-o",
    output,
  ]);
  await rm(source);
}

function programsSource({ daemon, tools }: { readonly daemon: Program; readonly tools: Program }): string {
  return `/* Generated by packages/guest/build/build.ts. */
#include <string.h>

#include "programs.h"

static const unsigned char daemon_bytecode[] = {${daemon.bytecode.join()}};
static const unsigned char tools_bytecode[] = {${tools.bytecode.join()}};
static const struct program daemon = {daemon_bytecode, sizeof daemon_bytecode, ${daemon.memory}};
static const struct program tools = {tools_bytecode, sizeof tools_bytecode, ${tools.memory}};

/* The daemon runs on no arguments or --config FILE alone, and, started anew by itself, with --take-over behind that; whatever else
   was typed is for the tools, mistakes included. */
const struct program *choose_program(int argc, char **argv) {
  int configured = (argc == 3 || argc == 5) && strcmp(argv[1], "--config") == 0;
  int plain = argc == 1 || (configured && argc == 3);
  return plain || (configured && strcmp(argv[3], "--take-over") == 0) ? &daemon : &tools;
}
`;
}
