/** A crash kernel whose dump takes longer than the device waits. */
import type { Rule } from "../finding.ts";

/** Seconds that a small guest's dump may take, its kernel's boot included; as bernard-guest warns of it. */
const DUMP_S = 180;

export const shortForCrashDump: Rule = {
  id: "short-for-crash-dump",
  find: ({ inside }) => {
    if (inside?.crashKernel !== true) return undefined;
    const short = inside.devices?.find(({ active, timeoutS }) => active && timeoutS !== undefined && timeoutS < DUMP_S);
    if (short === undefined) return undefined;
    return {
      severity: "note",
      what: `a crash kernel is loaded in it, and ${short.timeoutS} s after a crash its device fires into the dump`,
      cure: `raise the device's timeout to ${DUMP_S} s in the guest (watchdog-timeout of bernard-guest), where the dump matters`,
    };
  },
};
