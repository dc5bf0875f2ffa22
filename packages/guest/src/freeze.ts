/**
 * A backup holds the guest's file systems frozen: whoever writes waits, and nothing is wrong. For so long (`freeze-limit`) it excuses
 * who is silent; after that its mark was left behind, or somebody has forgotten the guest.
 */
import type { Settings } from "./config.ts";
import type { Platform } from "./platform.ts";

/** qemu-ga makes this file while it holds the guest's file systems frozen. */
export const FROZEN_MARK = "/run/qga.state.isfrozen";

export class Freeze {
  readonly #platform: Platform;
  /** Milliseconds. */
  readonly #limit: number;
  #since: number | undefined;

  constructor(settings: Settings, platform: Platform) {
    this.#platform = platform;
    this.#limit = settings.number("freeze-limit") * 1000;
  }

  excuses(now: number): boolean {
    if (this.#platform.readFile(FROZEN_MARK) === undefined) this.#since = undefined;
    else this.#since ??= now;
    return this.#since !== undefined && now - this.#since < this.#limit;
  }
}
