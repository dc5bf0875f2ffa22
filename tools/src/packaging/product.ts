/** A program as packages install it: all that their formats need to know of it, for one architecture. */
import type { Entry } from "./tree.ts";

export interface Product {
  /** Of the packages, and of what they install. */
  readonly name: string;
  readonly version: string;
  /** Seconds since 1970: the only time that is in a package. */
  readonly time: number;
  /** In one line. */
  readonly summary: string;
  /** In lines. */
  readonly description: readonly string[];
  /** As SPDX writes it. */
  readonly license: string;
  /** Packages that it takes the place of. */
  readonly formers: readonly string[];
  /** What it needs, as each format names it. */
  readonly needs: { readonly deb: readonly string[]; readonly rpm: readonly string[] };
  /** What is installed, paths as on a system whose /lib is a link to /usr/lib. */
  readonly entries: readonly Entry[];
  /** The maintainer scripts, complete, by their names: `deb.postinst`, `deb.prerm`, `deb.postrm`, `rpm.post`, `rpm.preun`, `rpm.postun`. */
  readonly script: (name: string) => string;
}

/** What others call an architecture. */
export interface ArchNames {
  readonly deb: string;
  readonly rpm: string;
  readonly tar: string;
}
