/** A picture of the guest's screen, paused or not. */
import { isFailure } from "@bernard/hypervisor";
import { type Collector, EVIDENCE_BYTES } from "../collector.ts";

export const screenshot: Collector = {
  name: "screenshot",
  async collect({ guest, hypervisor }, signal) {
    if (!hypervisor.abilities.has("screenshot") || guest.state === "shutoff") return undefined;
    try {
      const { type, image } = await hypervisor.screenshot(guest, { signal, maxBytes: EVIDENCE_BYTES });
      return { file: `screen.${type === "image/png" ? "png" : "ppm"}`, bytes: image };
    } catch (error) {
      if (isFailure(error, "unsupported")) return undefined; // it has no screen
      throw error;
    }
  },
};
