/** The software bill of materials: what is compiled into the binaries, with versions and hashes (CycloneDX 1.5, JSON). */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { root, run, type Say, UserError, unpack } from "@bernard/tools";
import { QuickJS } from "quickjs-wasi";
import type { Arch } from "../build/build.ts";

const wasmFile = createRequire(import.meta.url).resolve("quickjs-wasi/quickjs.wasm");

interface Component {
  readonly type: "application" | "library" | "file";
  readonly "bom-ref": string;
  readonly name: string;
  readonly version?: string;
  readonly purl?: string;
  readonly licenses?: readonly unknown[];
  readonly hashes?: readonly { readonly alg: string; readonly content: string }[];
  readonly components?: readonly Component[];
}

/** A built binary, with its architecture's name at Debian. */
export interface Binary {
  readonly arch: Arch;
  readonly deb: string;
  /** The compiler that linked it. */
  readonly gcc: string;
  readonly bytes: Uint8Array;
}

export async function sbom(version: string, time: number, binaries: readonly Binary[], say: Say): Promise<string> {
  const libraries = [await engine(), await wasmRuntime()];
  for (const binary of binaries) libraries.push(await musl(binary, say), await libgcc(binary));
  const license = await readFile(join(root, "LICENSE"));
  const application: Component = {
    type: "application",
    "bom-ref": "bernard-guest",
    name: "bernard-guest",
    version,
    licenses: [{ license: { id: "Apache-2.0" } }],
    components: [
      ...binaries.map(({ deb, bytes }) => file(`/usr/sbin/bernard-guest (${deb})`, bytes)),
      file("LICENSE", license),
    ],
  };
  const body = {
    version: 1,
    metadata: { timestamp: new Date(time * 1000).toISOString(), component: application },
    components: libraries,
    dependencies: [
      { ref: application["bom-ref"], dependsOn: libraries.map((library) => library["bom-ref"]) },
      ...libraries.map((library) => ({ ref: library["bom-ref"] })),
    ],
  };
  const document = { bomFormat: "CycloneDX", specVersion: "1.5", serialNumber: serialNumber(body), ...body };
  return `${JSON.stringify(document, undefined, 2)}\n`;
}

/** quickjs-wasi as the lockfile has it, and QuickJS-NG in it as it names itself. */
async function engine(): Promise<Component> {
  const lock = JSON.parse((await readFile(join(root, "package-lock.json"))).toString());
  const { version, integrity } = lock.packages["node_modules/quickjs-wasi"] as { version: string; integrity: string };
  const wasm = await readFile(wasmFile);
  const running = await QuickJS.create({ wasm });
  const quickjs = running.versions.quickjs as string;
  running.dispose();
  const purl = `pkg:npm/quickjs-wasi@${version}`;
  return {
    ...library("quickjs-wasi", version, purl, "MIT"),
    hashes: [{ alg: "SHA-512", content: Buffer.from(integrity.replace("sha512-", ""), "base64").toString("hex") }],
    components: [
      {
        ...library("quickjs-ng", quickjs, `pkg:github/quickjs-ng/quickjs@v${quickjs}`, "MIT"),
        hashes: [hash(wasm)],
      },
    ],
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

function library(name: string, version: string, purl: string, expression: string): Component {
  return { type: "library", "bom-ref": purl, name, version, purl, licenses: [{ expression }] };
}

function file(name: string, bytes: Uint8Array): Component {
  return { type: "file", "bom-ref": name, name, hashes: [hash(bytes)] };
}

function hash(bytes: Uint8Array): { alg: string; content: string } {
  return { alg: "SHA-256", content: createHash("sha256").update(bytes).digest("hex") };
}

async function installedVersion(name: string): Promise<string> {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg-query's own placeholder
  return (await run("dpkg-query", ["-W", "-f=${Version}", name])).toString();
}

/** A UUID (version 8: of our own making) that follows from the content. */
function serialNumber(body: unknown): string {
  const hex = createHash("sha256").update(JSON.stringify(body)).digest("hex");
  const parts = [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    `8${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ];
  return `urn:uuid:${parts.join("-")}`;
}
