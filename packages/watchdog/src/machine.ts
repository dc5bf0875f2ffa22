/**
 * What QEMU does with a machine when one of its watchdogs fires, and which events its monitor sends, in order. There is one
 * action for all devices of a machine, and no event tells which of them fired.
 */
import { EventThrottle } from "./event-throttle.ts";
import type { Timeline } from "./timeline.ts";
import type { VirtualClock } from "./virtual-clock.ts";

export const ACTIONS = ["reset", "shutdown", "poweroff", "pause", "debug", "none", "inject-nmi"] as const;
export type Action = (typeof ACTIONS)[number];

/** By QMP's names; `ended`: the process has exited, with code 0. */
export type RunState = "running" | "paused" | "watchdog" | "shutdown" | "prelaunch" | "ended";

export type MachineEvent = {
  /** Nanoseconds of the outside world's time at which it happened; a WATCHDOG event may come up to a second later. */
  readonly at: bigint;
} & (
  | { readonly event: "WATCHDOG"; readonly action: Action }
  | { readonly event: "RESET" | "SHUTDOWN"; readonly guest: boolean; readonly reason: string }
  | { readonly event: "POWERDOWN" | "STOP" | "RESUME" }
);

export interface MachineOptions {
  /** QEMU's `-action watchdog=`. */
  readonly action?: Action;
  /** QEMU's `-action reboot=`; `shutdown` is what `-no-reboot` sets. */
  readonly reboot?: "reset" | "shutdown";
  /** QEMU's `-action shutdown=`. */
  readonly shutdown?: "poweroff" | "pause";
  readonly onEvent?: (event: MachineEvent) => void;
  /** Every processor gets a non-maskable interrupt. */
  readonly onNmi?: () => void;
  /** The line that action `debug` writes to standard error. */
  readonly onDebug?: () => void;
}

/** What a machine's reset reaches. */
interface Resettable {
  reset(): void;
}

/** A command that QEMU refuses in the state that the machine is in. */
export class MachineError extends Error {
  readonly code = "BERNARD_MACHINE";
}

export class Machine {
  /** May be changed at any time, and is asked for when a watchdog fires. */
  action: Action;
  readonly #timeline: Timeline;
  readonly #clock: VirtualClock;
  readonly #options: MachineOptions;
  readonly #devices = new Set<Resettable>();
  readonly #watchdogEvents: EventThrottle<MachineEvent>;
  #state: RunState = "running";

  constructor(timeline: Timeline, clock: VirtualClock, options: MachineOptions = {}) {
    this.#timeline = timeline;
    this.#clock = clock;
    this.#options = options;
    this.action = options.action ?? "reset";
    this.#watchdogEvents = new EventThrottle(timeline, (event) => this.#options.onEvent?.(event));
  }

  get state(): RunState {
    return this.#state;
  }

  plug(device: Resettable): void {
    this.#devices.add(device);
  }

  unplug(device: Resettable): void {
    this.#devices.delete(device);
  }

  /** A device has reached zero. The RESET that follows is not throttled: it may be seen before its WATCHDOG. */
  fire(): void {
    if (this.#state === "ended") return;
    const at = this.#timeline.now;
    this.#watchdogEvents.push({ at, event: "WATCHDOG", action: this.action });
    switch (this.action) {
      case "reset":
        this.#requestReset("guest-reset");
        break;
      case "shutdown":
        this.#send({ at, event: "POWERDOWN" }); // the power button: whether the guest obeys is the guest's affair
        break;
      case "poweroff":
        this.#end(); // at once: no SHUTDOWN is sent, and -no-shutdown changes nothing
        break;
      case "pause":
        this.#stop("watchdog");
        break;
      case "debug":
        this.#options.onDebug?.();
        break;
      case "inject-nmi":
        this.#options.onNmi?.();
        break;
      case "none":
        break;
    }
  }

  /** QMP's `stop`. */
  stop(): void {
    this.#refuseIfEnded();
    if (this.#state === "running") this.#stop("paused");
  }

  /** QMP's `cont`. */
  cont(): void {
    this.#refuseIfEnded();
    if (this.#state === "shutdown") throw new MachineError("Resetting the Virtual Machine is required");
    if (this.#state === "running") return;
    this.#state = "running";
    this.#clock.resume();
    this.#send({ at: this.#timeline.now, event: "RESUME" });
  }

  /** QMP's `system_reset`; a machine that does not run does not run afterwards either. */
  systemReset(): void {
    this.#refuseIfEnded();
    this.#reset(false, "host-qmp-system-reset");
    if (this.#state !== "running") this.#state = "prelaunch";
  }

  #requestReset(reason: string): void {
    if (this.#options.reboot === "shutdown") {
      this.#send({ at: this.#timeline.now, event: "SHUTDOWN", guest: true, reason });
      if (this.#options.shutdown === "pause") this.#stop("shutdown");
      else this.#end();
    } else this.#reset(true, reason);
  }

  #reset(guest: boolean, reason: string): void {
    for (const device of this.#devices) device.reset();
    this.#send({ at: this.#timeline.now, event: "RESET", guest, reason });
  }

  #stop(state: RunState): void {
    this.#state = state;
    this.#clock.pause();
    this.#send({ at: this.#timeline.now, event: "STOP" });
  }

  #end(): void {
    this.#state = "ended";
    this.#clock.pause();
    this.#watchdogEvents.end();
  }

  #refuseIfEnded(): void {
    if (this.#state === "ended") throw new MachineError("the machine has ended; start another");
  }

  #send(event: MachineEvent): void {
    this.#options.onEvent?.(event);
  }
}
