/** A protected guest whose console nobody keeps: a kernel's last words are gone with the reset. */
import type { Rule } from "../finding.ts";

export const consoleNotLogged: Rule = {
  id: "console-not-logged",
  find: ({ hardware }) =>
    hardware instanceof Error || hardware.watchdogs.length === 0 || hardware.consoleLogged !== false
      ? undefined
      : {
          severity: "note",
          what: "no file keeps what its serial console says: a kernel's last words are gone with the reset",
          cure: "add <log file='...' append='on'/> to its <serial>, and console=ttyS0 to its kernel's command line",
        },
};
