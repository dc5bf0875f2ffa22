/** Makes the root file system of a Debian machine, as a tar. */
import { join } from "node:path";
import { cached, type Say } from "./cached.ts";
import { mirror } from "./debian.ts";
import { runInScratch } from "./scratch.ts";

/** What nobody reads in a machine that lives for one test; more than half of the bytes. */
const LEFT_OUT = [
  "usr/share/doc",
  "usr/share/locale",
  "usr/share/man",
  "usr/share/info",
  "var/cache/apt",
  "var/lib/apt/lists",
];

/** $1: an empty folder  $2: release  $3: packages  $4: mirror  $5: the tar. debootstrap's wget knows nothing of apt's proxy. */
const SCRIPT = `
eval "$(apt-config shell proxy Acquire::http::Proxy)"
[ -z "\${proxy-}" ] || export http_proxy="$proxy"
debootstrap --variant=minbase --include="$3" "$2" "$1" "$4"
cd "$1"
rm -r ${LEFT_OUT.join(" ")}
tar --create --one-file-system --file="$5" .
`;

/**
 * Debian's `release` with `packages` and what they need, installed by debootstrap: the path of a tar of it, owners and all.
 * The versions are the newest at the first use; `build/cache/` keeps them until it is deleted.
 * @param label names the cached folder
 */
export async function debootstrap(
  release: string,
  packages: readonly string[],
  say: Say,
  label = "root",
): Promise<string> {
  const dir = await cached(
    {
      name: `debian-${release}-${label}`,
      inputs: [SCRIPT, ...packages],
      build: async (dir) => {
        const args = [release, packages.join(","), await mirror(release), join(dir, "root.tar")];
        await runInScratch(dir, SCRIPT, args, "check the network and /etc/apt");
      },
    },
    say,
  );
  return join(dir, "root.tar");
}
