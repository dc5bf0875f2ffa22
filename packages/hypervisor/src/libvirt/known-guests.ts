/** What is known of every guest, as far as events and lists tell it. */
import { stateAfter } from "./domain-state.ts";
import type { GuestState } from "./domains.ts";
import type { LibvirtEvent } from "./events.ts";

/** Without `before` it is new, without `after` gone. */
interface Change {
  readonly before: GuestState | undefined;
  readonly after: GuestState | undefined;
}

export class KnownGuests {
  #byUuid = new Map<string, GuestState>();

  /** The guest after that event. */
  follow({ domain, event, detail }: Extract<LibvirtEvent, { type: "lifecycle" }>): GuestState {
    const known = this.#byUuid.get(domain.uuid) ?? { domain, state: "shutoff", reason: "unknown" };
    const state = stateAfter(event, detail);
    const after = state === undefined ? known : { domain, ...state };
    if (event === "undefined" && known.state === "shutoff") this.#byUuid.delete(domain.uuid);
    else this.#byUuid.set(domain.uuid, after);
    return after;
  }

  /** Takes these guests for all there are, and tells what differs from what was known. */
  adopt(guests: readonly GuestState[]): Change[] {
    const gone = this.#byUuid;
    this.#byUuid = new Map(guests.map((guest) => [guest.domain.uuid, guest]));
    const changes: Change[] = [];
    for (const after of guests) {
      const before = gone.get(after.domain.uuid);
      gone.delete(after.domain.uuid);
      if (before === undefined || !isSame(before, after)) changes.push({ before, after });
    }
    for (const before of gone.values()) changes.push({ before, after: undefined });
    return changes;
  }
}

/** The same process in the same state; why it is paused counts, why it runs or is off does not. */
function isSame(one: GuestState, other: GuestState): boolean {
  if (one.state !== other.state || one.domain.name !== other.domain.name) return false;
  if (one.state === "shutoff") return true;
  return one.domain.id === other.domain.id && (one.state !== "paused" || one.reason === other.reason);
}
