/** The software bill of materials: what is in a program, with versions and hashes (CycloneDX 1.5, JSON). */
import { createHash } from "node:crypto";

export interface Component {
  readonly type: "application" | "library" | "file";
  readonly "bom-ref": string;
  readonly name: string;
  readonly version?: string;
  readonly purl?: string;
  readonly licenses?: readonly unknown[];
  readonly hashes?: readonly { readonly alg: string; readonly content: string }[];
  readonly components?: readonly Component[];
}

/** What a bill is about. */
export interface Billed {
  readonly name: string;
  readonly version: string;
  /** Seconds since 1970. */
  readonly time: number;
  /** Its own files. */
  readonly files: readonly Component[];
  /** What of others is in them. */
  readonly libraries: readonly Component[];
}

export function sbom({ name, version, time, files, libraries }: Billed): string {
  const application: Component = {
    type: "application",
    "bom-ref": name,
    name,
    version,
    licenses: [{ license: { id: "Apache-2.0" } }],
    components: files,
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

export function library(name: string, version: string, purl: string, expression: string): Component {
  return { type: "library", "bom-ref": purl, name, version, purl, licenses: [{ expression }] };
}

/** A library as npm's registry has it, with the hash that the lockfile holds it to. */
export function fromNpm(name: string, version: string, license: string, integrity: string): Component {
  const content = Buffer.from(integrity.replace("sha512-", ""), "base64").toString("hex");
  return {
    ...library(name, version, `pkg:npm/${name.replace("@", "%40")}@${version}`, license),
    hashes: [{ alg: "SHA-512", content }],
  };
}

export function file(name: string, bytes: Uint8Array): Component {
  return { type: "file", "bom-ref": name, name, hashes: [hash(bytes)] };
}

export function hash(bytes: Uint8Array): { alg: string; content: string } {
  return { alg: "SHA-256", content: sha256(bytes) };
}

export function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** A UUID (version 8: of our own making) that follows from the content. */
function serialNumber(body: unknown): string {
  const hex = sha256(Buffer.from(JSON.stringify(body)));
  const parts = [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    `8${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ];
  return `urn:uuid:${parts.join("-")}`;
}
