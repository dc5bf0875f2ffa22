/**
 * QEMU's events in the words of every adapter, and the state that a guest is in after each.
 * Reference: https://www.qemu.org/docs/master/interop/qemu-qmp-ref.html
 */
import { WATCHDOG_ACTIONS, type WatchdogAction } from "@bernard/policy";
import type { Guest, HypervisorEvent } from "../hypervisor.ts";
import { type StateAndReason, stateOf, suspendedDetail } from "./guest-state.ts";
import type { QmpClient, QmpEvent } from "./qmp-client.ts";
import { recordOf, recordsOf, textOf } from "./qmp-values.ts";

/** Milliseconds for what an event leaves open; a guest's other events wait meanwhile. */
const ASK_MS = 2_000;

/** Kinds of events that no monitor tells. */
export const DEAF_TO: readonly HypervisorEvent["type"][] = ["metadata"];

const STORAGE_ACTIONS = { ignore: "none", report: "report", stop: "pause" } as const;

export class EventTranslator {
  #client!: QmpClient;
  #guest!: Guest;
  /** How the emulator would have ended if it did now. */
  #farewell = "failed";
  /** Names of virtio-serial ports, and images of disks, as far as they were asked for. */
  #ports = new Map<string, string>();
  #images = new Map<string, string>();

  /** The guest after the last event. */
  get guest(): Guest {
    return this.#guest;
  }

  /** From now on the events come over `client`. */
  begin(client: QmpClient, guest: Guest): void {
    this.#client = client;
    this.#guest = guest;
    this.#ports.clear();
    this.#images.clear();
  }

  /** The guest after its emulator has ended, and how. */
  end(): { guest: Guest; detail: string } {
    const migrated = this.#guest.state === "paused" && this.#guest.reason === "migration";
    const detail = migrated ? "migrated" : this.#farewell;
    return { guest: { ...this.#guest, run: undefined, state: "shutoff", reason: detail }, detail };
  }

  /** Never rejects: what QEMU does not answer is told as far as it is known. */
  async translate({ name, data }: QmpEvent): Promise<readonly HypervisorEvent[]> {
    const { uuid, name: called, run } = this.#guest;
    const guest = { uuid, name: called, run };
    switch (name) {
      case "WATCHDOG":
        return [{ type: "fire", guest, action: watchdogAction(data.action) }];
      case "RESET":
        this.#farewell = "failed";
        // A guest that stands has another reason for it now.
        if (this.#guest.state !== "running") this.#become(await this.#state());
        return [{ type: "reset", guest }];
      case "STOP":
        return this.#stopped(await this.#state());
      case "RESUME":
        return this.#resumed();
      case "SUSPEND":
        return [this.#changed("pmsuspended", "memory", { state: "pmsuspended", reason: "unknown" })];
      case "SUSPEND_DISK":
        return [this.#changed("pmsuspended", "disk", { state: "pmsuspended", reason: "unknown" })];
      case "WAKEUP":
        return [this.#changed("started", "wakeup", { state: "running", reason: "wakeup" })];
      case "SHUTDOWN":
        return this.#shutdown(data);
      case "GUEST_PANICKED":
        return [this.#changed("crashed", "panicked", panicked(data.action) ?? this.#guest)];
      case "GUEST_CRASHLOADED":
        return [this.#changed("crashed", "crashloaded", this.#guest)];
      case "BLOCK_IO_ERROR": {
        const device = textOf(data.device) ?? textOf(data["node-name"]) ?? textOf(data["qom-path"]);
        const reason = data.nospace === true ? "enospc" : "";
        const action = STORAGE_ACTIONS[data.action as keyof typeof STORAGE_ACTIONS] ?? "unknown";
        return [{ type: "storage-error", guest, image: await this.#image(device), device, action, reason }];
      }
      case "VSERPORT_CHANGE": {
        const port = textOf(data.id);
        if (port === undefined) return [];
        return [{ type: "channel", guest, name: await this.#port(port), open: data.open === true }];
      }
      case "MEMORY_FAILURE": {
        const [recipient, action] = [textOf(data.recipient) ?? "unknown", textOf(data.action) ?? "unknown"];
        return [{ type: "memory-failure", guest, recipient, action }];
      }
      case "DEVICE_DELETED": {
        const device = textOf(data.device);
        this.#ports.clear();
        this.#images.clear();
        return device === undefined ? [] : [{ type: "device-removed", guest, device }];
      }
      case "DEVICE_UNPLUG_GUEST_ERROR":
      case "MEM_UNPLUG_ERROR": {
        const device = textOf(data.device) ?? textOf(data.path);
        return device === undefined ? [] : [{ type: "device-removal-failed", guest, device }];
      }
      default:
        return [];
    }
  }

  #stopped(asked: StateAndReason | undefined): readonly HypervisorEvent[] {
    const { state, reason } = asked ?? { state: "paused", reason: "unknown" };
    // It has been told why: SHUTDOWN under -no-shutdown, GUEST_PANICKED.
    if (state === "shutdown" || state === "crashed") {
      this.#become({ state, reason });
      return [];
    }
    // It goes on already, and RESUME will tell.
    const standing = state === "paused" ? reason : "unknown";
    return [this.#changed("suspended", suspendedDetail(standing), { state: "paused", reason: standing })];
  }

  #resumed(): readonly HypervisorEvent[] {
    const { state, reason } = this.#guest;
    this.#farewell = "failed";
    const [detail, why] =
      state !== "paused"
        ? ["unpaused", "unpaused"]
        : reason === "migration"
          ? ["migrated", "migrated"]
          : reason === "starting-up"
            ? ["unpaused", "booted"]
            : ["unpaused", "unpaused"];
    return [this.#changed("resumed", detail!, { state: "running", reason: why! })];
  }

  #shutdown({ reason, guest: byGuest }: QmpEvent["data"]): readonly HypervisorEvent[] {
    this.#farewell = reason === "host-qmp-quit" ? "destroyed" : reason === "guest-panic" ? "crashed" : "shutdown";
    if (this.#farewell !== "shutdown") return [];
    return [this.#changed("shutdown", byGuest === true ? "guest" : "host", { state: "shutdown", reason: "unknown" })];
  }

  #changed(change: string, detail: string, after: StateAndReason): HypervisorEvent {
    this.#become(after);
    return { type: "lifecycle", guest: this.#guest, change, detail };
  }

  #become(after: StateAndReason | undefined): void {
    if (after !== undefined) this.#guest = { ...this.#guest, state: after.state, reason: after.reason };
  }

  async #state(): Promise<StateAndReason | undefined> {
    const answer = await this.#ask("query-status");
    return answer === undefined ? undefined : stateOf(recordOf(answer).status);
  }

  async #port(id: string): Promise<string> {
    const known = this.#ports.get(id);
    if (known !== undefined) return known;
    const name = textOf(await this.#ask("qom-get", { path: `/machine/peripheral/${id}`, property: "name" }));
    if (name !== undefined) this.#ports.set(id, name);
    return name ?? id;
  }

  async #image(device: string | undefined): Promise<string | undefined> {
    if (device === undefined) return undefined;
    if (!this.#images.has(device)) {
      this.#images.set(device, "");
      for (const { device: name, inserted, qdev } of recordsOf(await this.#ask("query-block"))) {
        const { file, "node-name": node } = recordOf(inserted);
        for (const each of [name, node, qdev]) this.#images.set(textOf(each) ?? "", textOf(file) ?? "");
      }
    }
    return this.#images.get(device) || undefined;
  }

  /** Undefined where no answer comes in time. */
  #ask(command: string, args: Readonly<Record<string, unknown>> = {}): Promise<unknown> {
    return this.#client.execute(command, args, { deadlineMs: ASK_MS }).catch(() => undefined);
  }
}

function watchdogAction(action: unknown): WatchdogAction | "debug" | "unknown" {
  if (action === "debug") return action;
  return WATCHDOG_ACTIONS.find((known) => known === action) ?? "unknown";
}

/** After a panic the guest stands or its emulator ends, unless it is told to run on. */
const panicked = (action: unknown): StateAndReason | undefined =>
  action === "run" ? undefined : { state: "crashed", reason: "panicked" };
