/** What the packages of our programs share: their formats, the bill of materials, manual pages. */
export { buildDeb } from "./deb.ts";
export { folder, plain, zipped } from "./entries.ts";
export { type PackageOptions, type Packaging, packageTestTools, sourceTime, writePackages } from "./packages.ts";
export type { ArchNames, Product } from "./product.ts";
export { day, fill, list, prose, text } from "./roff.ts";
export { type Component, file, fromNpm, hash, library, sbom, sha256 } from "./sbom.ts";
export { type Entry, writeTree } from "./tree.ts";
