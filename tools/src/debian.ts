/** Debian packages: installed where the machine must have them, unpacked into a folder where a file of theirs is all we need. */
import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdir, readdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { AptProgress, STATUS_OPTIONS } from "./apt-progress.ts";
import { cached, type Say } from "./cached.ts";
import { buildRoot } from "./paths.ts";
import { type FileLock, run } from "./run.ts";
import { UserError } from "./user-error.ts";

const byHand = (packages: readonly string[]) =>
  `check the network and /etc/apt, or install by hand: apt-get install ${packages.join(" ")}`;

/** Seconds to wait for another package manager: fresh machines upgrade themselves in the background. */
const LOCK_S = 300;

/** Installs what is missing of `packages`; says first what that is. Installs nothing twice. */
export async function ensureInstalled(packages: readonly string[], say: Say): Promise<void> {
  const missing = packages.filter((name) => !isInstalled(name));
  if (missing.length === 0) return;
  say(`installing Debian packages: ${missing.join(" ")}`);
  const hint = byHand(missing);
  // Fresh machines have no package lists, and old lists name files that the mirror has dropped.
  await asRoot("apt-get", ["update", "-q"], hint).catch((error: unknown) => {
    say(`apt-get update was not complete (${error instanceof Error ? error.message : error}); trying all the same`);
  });
  const options = ["-y", "-q", "--no-install-recommends", "-o", `DPkg::Lock::Timeout=${LOCK_S}`];
  const install = () => asRoot("apt-get", ["install", ...options, ...STATUS_OPTIONS, ...missing], hint, progress(say));
  await install().catch(async (error: unknown) => {
    if (!(error instanceof UserError && /dpkg was interrupted/.test(error.message))) throw error;
    say("an earlier installation was interrupted; finishing it");
    await asRoot("dpkg", ["--configure", "-a"], hint);
    await install();
  });
}

export async function asRoot(
  command: string,
  args: readonly string[],
  hint: string,
  onLine: (line: string) => void = () => {},
): Promise<void> {
  const options = { hint, env: { ...process.env, DEBIAN_FRONTEND: "noninteractive", LC_ALL: "C" }, onLine };
  if (process.getuid?.() === 0) await run(command, args, options);
  else await run("sudo", [command, ...args], options);
}

/** Hears the lines of one apt-get. */
function progress(say: Say): (line: string) => void {
  const toTell = new AptProgress(say, performance.now());
  return (line) => toTell.take(line, performance.now());
}

function isInstalled(name: string): boolean {
  try {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg-query's own placeholder
    const status = execFileSync("dpkg-query", ["-W", "-f=${db:Status-Status}", name], {
      stdio: ["ignore", "pipe", "ignore"],
    });
    return status.toString() === "installed";
  } catch {
    return false;
  }
}

/** The release that this project runs on, and its suite of packages from the next one. */
const RELEASE = "bookworm";
const BACKPORTS = `${RELEASE}-backports`;

/** The URL from which this machine's apt gets one of Debian's suites. */
async function siteOf(suite: string): Promise<string | undefined> {
  const format = ["--format", "$(ORIGIN)|$(RELEASE)|$(CODENAME)|$(SITE)", "Created-By: Packages", "Component: main"];
  const targets = (await run("apt-get", ["indextargets", ...format])).toString().trim().split("\n");
  return (
    targets
      .map((target) => target.split("|"))
      // Others call their suites so too; before the first update of the lists no origin is known.
      .find(([origin, ...names]) => (origin === "Debian" || origin === "") && names.includes(suite))?.[3]
  );
}

/** The URL from which this machine's apt gets Debian's `release`. */
export async function mirror(release: string): Promise<string> {
  const site = await siteOf(release);
  if (site !== undefined) return site;
  throw new UserError(`apt knows no source of Debian ${release}`, "add one to /etc/apt/sources.list.d and try again");
}

/** A line for apt's sources that adds the backports, from the mirror in use; empty where they are there or no mirror is known. */
async function backportsLine(): Promise<string> {
  const site = await siteOf(RELEASE);
  return site === undefined || (await siteOf(BACKPORTS)) !== undefined ? "" : `deb ${site} ${BACKPORTS} main\n`;
}

/** apt with its own lists, so that a foreign architecture or a stale list never touches the machine's own. */
class PrivateApt {
  readonly #state: string;
  readonly #options: readonly string[];
  #updated: Promise<string | undefined> | undefined;

  constructor(state: string) {
    this.#state = state;
    this.#options = [
      "APT::Architectures::=amd64",
      "APT::Architectures::=i386",
      "APT::Architectures::=arm64",
      `Dir::State::Lists=${state}/lists`,
      `Dir::Cache=${state}/cache`,
      `Dir::Etc::SourceList=${state}/sources.list`, // besides /etc/apt/sources.list.d
      "APT::Sandbox::User=root",
    ].flatMap((option) => ["-o", option]);
  }

  async query(args: readonly string[]): Promise<string> {
    await this.#lists();
    const [verb, ...rest] = args as [string, ...string[]];
    const options = { hint: await this.#hint(), lock: this.#lock({ shared: true }) };
    return (await run("apt-cache", [verb, ...this.#options, ...rest], options)).toString();
  }

  async download(names: readonly string[], dir: string, say: Say): Promise<void> {
    await this.#lists();
    const options = { cwd: dir, hint: await this.#hint(), lock: this.#lock({ shared: true }), onLine: progress(say) };
    await run("apt-get", ["download", ...this.#options, "-q", ...STATUS_OPTIONS, ...names], options);
  }

  /** While one process fetches the lists, others must neither fetch nor read them: apt itself refuses instead of waiting. */
  #lock({ shared }: { readonly shared: boolean }): FileLock {
    return { file: join(this.#state, "lock"), shared };
  }

  async #hint(): Promise<string> {
    const complaint = await this.#lists();
    return `check the network and /etc/apt${complaint === undefined ? "" : ` (apt-get update had said: ${complaint})`}`;
  }

  async #writeSources(): Promise<void> {
    const file = join(this.#state, "sources.list");
    const ofTheMachine = await readFile("/etc/apt/sources.list", "utf8").catch(() => "");
    const whole = `${file}.${randomUUID()}.tmp`;
    await writeFile(whole, `${ofTheMachine}\n${await backportsLine()}`);
    await rename(whole, file);
  }

  /** Fetches the package lists once a process; what apt complained of matters only if a download fails too. */
  #lists(): Promise<string | undefined> {
    this.#updated ??= (async () => {
      await mkdir(join(this.#state, "lists/partial"), { recursive: true });
      await mkdir(join(this.#state, "cache/archives/partial"), { recursive: true });
      await this.#writeSources();
      return run("apt-get", ["update", ...this.#options, "-q"], { lock: this.#lock({ shared: false }) }).then(
        () => undefined,
        (error: Error) => error.message,
      );
    })();
    return this.#updated;
  }
}

const apt = new PrivateApt(join(buildRoot, "apt"));

/**
 * Downloads Debian packages and unpacks them side by side into a cached folder, which it returns; nothing is installed.
 * The version is the newest at the first download; `build/cache/` keeps it until it is deleted.
 * @param label names the cached folder
 * @param names packages, with `:i386` where the foreign one is meant, or a way to find them once the lists are there
 */
export function unpack(label: string, names: readonly string[] | (() => Promise<string[]>), say: Say): Promise<string> {
  return cached(
    {
      name: label,
      inputs: typeof names === "function" ? [label] : names,
      build: async (dir) => {
        const wanted = typeof names === "function" ? await names() : names;
        say(`downloading Debian packages (unpacked, not installed): ${wanted.join(" ")}`);
        const debs = join(dir, ".debs");
        await mkdir(debs);
        await apt.download(wanted, debs, say);
        for (const deb of await readdir(debs)) await run("dpkg-deb", ["-x", join(debs, deb), dir]);
        await run("rm", ["-r", debs]);
      },
    },
    say,
  );
}

/**
 * Downloads Debian packages into a cached folder, which it returns: the .deb files as they are.
 * @param label names the cached folder
 */
export function download(label: string, names: readonly string[], say: Say): Promise<string> {
  return cached({ name: label, inputs: names, build: (dir) => apt.download(names, dir, say) }, say);
}

/** The concrete package behind one of Debian's kernel meta packages, such as `linux-image-6.1.0-50-amd64`. */
export async function kernelPackage(meta: string): Promise<string> {
  const depends = await apt.query(["depends", "--important", meta]);
  const name = /Depends: (linux-image-\S+)/.exec(depends)?.[1];
  if (name === undefined) throw new UserError(`${meta} names no kernel package`, "run apt-get update and try again");
  return name;
}
