/** A system whose time, files and probes are scripted, and which writes down what is done to it. */
import { encode } from "../src/bytes.ts";
import type { Device, Platform, Probe, ProbeAnswer } from "../src/platform.ts";

/** What changes in the guest at a time. */
export interface Change {
  /** Seconds since start. */
  readonly at: number;
  /** Files as they read from now on; undefined: gone. */
  readonly files?: Readonly<Record<string, string | undefined>>;
  /** What probes answer from now on; `hang`: nothing. */
  readonly probe?: ProbeAnswer | "hang";
  /** Where a hanging probe sleeps. */
  readonly asleep?: string;
}

export const OK: ProbeAnswer = { step: "remove", errno: 0 };

export class ScriptedPlatform implements Platform {
  readonly heard: string[] = [];
  #now = 0;
  readonly #files = new Map<string, string | undefined>();
  #behaviour: ProbeAnswer | "hang" = OK;
  #asleep = "";
  readonly #probes: ScriptedProbe[] = [];

  constructor(files: Readonly<Record<string, string>>) {
    for (const [path, text] of Object.entries(files)) this.#files.set(path, text);
  }

  advance(seconds: number): void {
    this.#now = seconds * 1000;
  }

  change(change: Change): void {
    for (const [path, text] of Object.entries(change.files ?? {})) this.#files.set(path, text);
    this.#behaviour = change.probe ?? this.#behaviour;
    this.#asleep = change.asleep ?? this.#asleep;
  }

  /** Lets the children answer, as they do between two rounds. */
  runProbes(): void {
    for (const probe of this.#probes) probe.run(this.#behaviour);
  }

  now(): number {
    return this.#now;
  }

  readFile(path: string): Uint8Array | undefined {
    const text = this.#files.get(path);
    return text === undefined ? undefined : encode(text);
  }

  readLink(path: string): string | undefined {
    return this.#files.get(path);
  }

  startProbe(): Probe {
    const probe = new ScriptedProbe(this, () => this.#asleep);
    this.#probes.push(probe);
    return probe;
  }

  log(): void {}

  send(line: string): boolean {
    const message = JSON.parse(line);
    const verdicts = (message.checks ?? []).map(
      (check: { name?: string; verdict?: string }) => `${check.name} ${check.verdict}`,
    );
    if (message.type === "last-words") this.note(`last words: ${message.check}: ${message.reason}`);
    else if (message.type === "beat") this.note(`beat ${message.seq}: ${verdicts.join(", ")}`);
    else this.note(message.type);
    return true;
  }

  note(what: string): void {
    this.heard.push(`${this.#now / 1000}: ${what}`);
  }
}

class ScriptedProbe implements Probe {
  askedAt: number | undefined;
  #answer: ProbeAnswer | undefined;
  readonly #platform: ScriptedPlatform;
  readonly sleepingIn: () => string;

  constructor(platform: ScriptedPlatform, sleepingIn: () => string) {
    this.#platform = platform;
    this.sleepingIn = sleepingIn;
  }

  ask(): void {
    this.askedAt = this.#platform.now();
  }

  take(): ProbeAnswer | undefined {
    const answer = this.#answer;
    this.#answer = undefined;
    return answer;
  }

  record(lastWords: string): void {
    this.#platform.note(`to disk: ${lastWords.trim()}`);
  }

  run(behaviour: ProbeAnswer | "hang"): void {
    if (this.askedAt === undefined || behaviour === "hang") return;
    this.#answer = behaviour;
    this.askedAt = undefined;
  }
}

/** A device that takes every feed and writes down only what is rare. */
export function scriptedDevice(platform: ScriptedPlatform, shortest = 1): Device & { feeds: number } {
  return {
    feeds: 0,
    identity: "scripted",
    unstoppable: false,
    feed() {
      this.feeds += 1;
      return 0;
    },
    setTimeout(seconds) {
      platform.note(`timeout ${seconds} s asked`);
      return seconds < shortest ? -22 : seconds;
    },
    disarm() {
      platform.note("disarmed");
    },
  };
}
