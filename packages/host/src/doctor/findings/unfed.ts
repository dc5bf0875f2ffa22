/** A running guest with a device that nobody feeds: it is not armed, so it never fires. */
import { feeder } from "../feeder.ts";
import type { Rule } from "../finding.ts";
import { devices } from "../words.ts";
import { noDriver } from "./no-driver.ts";

export const unfed: Rule = {
  id: "unfed",
  find: (facts) => {
    const { guest, hardware, heard } = facts;
    if (hardware instanceof Error || guest.state !== "running" || feeder(facts) !== "nobody") return undefined;
    if (noDriver.find(facts) !== undefined) return undefined;
    const who =
      heard.state === "beat" ? "bernard-guest runs in it and feeds no device" : "nobody in the guest feeds it";
    return {
      severity: "problem",
      what: `it has ${devices(hardware)}, and ${who}: a device that is not armed never fires`,
      cure:
        heard.state === "beat"
          ? "load the device's driver in the guest; bernard-guest --check there tells what it finds"
          : "install bernard-guest in the guest, or let another daemon feed /dev/watchdog",
    };
  },
};
