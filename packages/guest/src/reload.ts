/**
 * A reload: the daemon becomes itself anew, with the device kept open, so that not one feed is missed. The program on disk is run, so
 * an upgrade is a reload too. It is first asked, in a process of its own, whether it accepts the configuration; where it does not, all
 * stays as it was.
 */
import { decode } from "./bytes.ts";
import type { Platform, RunningJob } from "./platform.ts";

/** Milliseconds that the question may take. */
const PATIENCE = 30_000;

/** What each complaint of ours begins with. */
const PREFIX = "bernard-guest: ";

export interface ReloadOptions {
  /** The program as it is on disk now. */
  readonly program: string;
  /** Its configuration file. */
  readonly file: string;
  /** Where its complaints go, a path without ending in a folder in memory. */
  readonly log: string;
}

export class Reload {
  readonly #platform: Platform;
  readonly #options: ReloadOptions;
  #question: RunningJob | undefined;
  #waitsFor = "";

  constructor(platform: Platform, options: ReloadOptions) {
    this.#platform = platform;
    this.#options = options;
  }

  ask(): void {
    const { program, file, log } = this.#options;
    this.#question = this.#platform.startJob(["exec", log, program, "--config", file, "--check"], PATIENCE);
    this.#waitsFor = "";
  }

  /** True, once, when the configuration was accepted and no check is about to end the guest: what those know of better times would be forgotten. */
  isDue(unhealthy: readonly string[]): boolean {
    const outcome = this.#question?.outcome;
    if (outcome === undefined) return false;
    if (outcome.status !== 0) {
      this.#question = undefined;
      this.#platform.log(
        `reload refused, the old configuration stays in force: ${this.#complaint(outcome.status)}`,
        true,
      );
      return false;
    }
    const waitsFor = unhealthy.join(" ");
    if (waitsFor === "") {
      this.#question = undefined;
      if (this.#waitsFor === "") return true;
      this.ask(); // in all that time the file may have become another
      return false;
    }
    if (waitsFor !== this.#waitsFor)
      this.#platform.log(`the reload waits until these are healthy (a restart does not): ${waitsFor}`, true);
    this.#waitsFor = waitsFor;
    return false;
  }

  /** The first line that the program said. */
  #complaint(status: number): string {
    const said = this.#platform.readFile(`${this.#options.log}.stderr`);
    const line = said === undefined ? "" : (decode(said.subarray(0, 512)).split("\n")[0] as string).replace(PREFIX, "");
    return line === "" ? `${this.#options.program} --check ends with ${status}` : line;
  }
}
