/** The software bill of materials: what is compiled into the binaries, with versions and hashes. */
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { root, run, type Say, UserError, unpack } from "@bernard/tools";
import { type Component, file, fromNpm, hash, library, sbom } from "@bernard/tools/packaging";
import { QuickJS } from "quickjs-wasi";
import type { Arch } from "../build/build.ts";

const wasmFile = createRequire(import.meta.url).resolve("quickjs-wasi/quickjs.wasm");

/** A built binary, with its architecture's name at Debian. */
export interface Binary {
  readonly arch: Arch;
  readonly deb: string;
  /** The compiler that linked it. */
  readonly gcc: string;
  readonly bytes: Uint8Array;
}

export async function guestSbom(version: string, time: number, binaries: readonly Binary[], say: Say): Promise<string> {
  const libraries = [await engine(), await wasmRuntime()];
  for (const binary of binaries) libraries.push(await musl(binary, say), await libgcc(binary));
  const files = [
    ...binaries.map(({ deb, bytes }) => file(`/usr/sbin/bernard-guest (${deb})`, bytes)),
    file("LICENSE", await readFile(join(root, "LICENSE"))),
  ];
  return sbom({ name: "bernard-guest", version, time, files, libraries });
}

/** quickjs-wasi as the lockfile has it, and QuickJS-NG in it as it names itself. */
async function engine(): Promise<Component> {
  const lock = JSON.parse((await readFile(join(root, "package-lock.json"))).toString());
  const { version, integrity } = lock.packages["node_modules/quickjs-wasi"] as { version: string; integrity: string };
  const wasm = await readFile(wasmFile);
  const running = await QuickJS.create({ wasm });
  const quickjs = running.versions.quickjs as string;
  running.dispose();
  const purl = `pkg:github/quickjs-ng/quickjs@v${quickjs}`;
  return {
    ...fromNpm("quickjs-wasi", version, "MIT", integrity),
    components: [{ ...library("quickjs-ng", quickjs, purl, "MIT"), hashes: [hash(wasm)] }],
  };
}

/** The run-time sources of wasm2c, from Debian's wabt. */
async function wasmRuntime(): Promise<Component> {
  const version = await installedVersion("wabt");
  return {
    ...library("wasm-rt", version, `pkg:deb/debian/wabt@${version}`, "Apache-2.0"),
    hashes: [hash(await readFile("/usr/share/wabt/wasm2c/wasm-rt-impl.c"))],
  };
}

/** musl-tools brings it for x86-64; the others' is unpacked by the build. */
async function musl({ arch, deb }: Binary, say: Say): Promise<Component> {
  if (arch === "x86_64") {
    const version = await installedVersion("musl-dev");
    return fromDebian("musl", "musl-dev", version, deb, "MIT", "/usr/lib/x86_64-linux-musl/libc.a");
  }
  const dir = await unpack(`musl-${arch}`, [`musl-dev:${arch}`], say);
  const changes = gunzipSync(await readFile(join(dir, "usr/share/doc/musl-dev/changelog.Debian.gz"))).toString();
  const version = /^musl \((\S+)\)/.exec(changes)?.[1];
  if (version === undefined) throw new UserError(`${dir}: the unpacked musl-dev does not tell its version`);
  const libc = join(dir, `usr/lib/${arch === "arm64" ? "aarch64" : arch}-linux-musl/libc.a`);
  return fromDebian("musl", "musl-dev", version, deb, "MIT", libc);
}

/** The compiler's own arithmetic, linked in where the processor lacks an instruction. */
async function libgcc({ deb, gcc }: Binary): Promise<Component> {
  const path = (await run(gcc, ["-print-libgcc-file-name"])).toString().trim();
  const owner = (await run("dpkg-query", ["--search", path])).toString().split(":")[0] as string;
  const id = "GPL-3.0-or-later WITH GCC-exception-3.1";
  return fromDebian("libgcc", owner, await installedVersion(owner), deb, id, path);
}

async function fromDebian(
  name: string,
  owner: string,
  version: string,
  deb: string,
  license: string,
  path: string,
): Promise<Component> {
  const purl = `pkg:deb/debian/${owner}@${version}?arch=${deb}`;
  return { ...library(name, version, purl, license), hashes: [hash(await readFile(path))] };
}

async function installedVersion(name: string): Promise<string> {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg-query's own placeholder
  return (await run("dpkg-query", ["-W", "-f=${Version}", name])).toString();
}
