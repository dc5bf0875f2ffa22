/** The guest's disk, network and processor counts at that moment. */
import { type Collector, jsonPiece } from "../collector.ts";

export const counters: Collector = {
  name: "counters",
  async collect({ guest, hypervisor }, signal) {
    if (guest.state === "shutoff") return undefined;
    return jsonPiece("counters.json", await hypervisor.counters(guest, { signal }));
  },
};
