/** Every command that an installed `bernard` has. */
import type { Command } from "commander";

/** Each is loaded when it is called for: one that runs for months must not carry what the others need. */
export const commands: Readonly<Record<string, () => Promise<Command>>> = {
  "acpi-table": async () => (await import("./acpi-table.ts")).acpiTableCommand(),
  doctor: async () => (await import("./doctor.ts")).doctorCommand(),
  guests: async () => (await import("./guests.ts")).guestsCommand(),
  host: async () => (await import("./host.ts")).hostCommand(),
  incident: async () => (await import("./incident.ts")).incidentCommand(),
  incidents: async () => (await import("./incidents.ts")).incidentsCommand(),
  mute: async () => (await import("./mute.ts")).muteCommand(),
  protect: async () => (await import("./protect.ts")).protectCommand(),
  report: async () => (await import("./report.ts")).reportCommand(),
  status: async () => (await import("./status.ts")).statusCommand(),
  unmute: async () => (await import("./mute.ts")).unmuteCommand(),
  unprotect: async () => (await import("./unprotect.ts")).unprotectCommand(),
  watch: async () => (await import("./watch.ts")).watchCommand(),
};
