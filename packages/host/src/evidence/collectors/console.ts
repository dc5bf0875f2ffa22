/** The end of what the guest wrote to its console. */
import type { Collector } from "../collector.ts";

export const consoleTail: Collector = {
  name: "console",
  async collect({ console }) {
    return console.length === 0 ? undefined : { file: "console.txt", bytes: console };
  },
};
