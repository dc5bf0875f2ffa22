/** `bernard`: one file a command in `commands/`. Exit codes: 0 well, 1 a finding or a failure, 2 usage, 3 unreachable or refused, 4 partly done. */
import { errorLine, UserError } from "@bernard/tools";
import { Command, CommanderError } from "commander";

/** Each is loaded when it is called for: one that runs for months must not carry what the others need. */
const commands: Readonly<Record<string, () => Promise<Command>>> = {
  "acpi-table": async () => (await import("./commands/acpi-table.ts")).acpiTableCommand(),
  demo: async () => (await import("./commands/demo.ts")).demoCommand(),
  doctor: async () => (await import("./commands/doctor.ts")).doctorCommand(),
  guests: async () => (await import("./commands/guests.ts")).guestsCommand(),
  host: async () => (await import("./commands/host.ts")).hostCommand(),
  incident: async () => (await import("./commands/incident.ts")).incidentCommand(),
  incidents: async () => (await import("./commands/incidents.ts")).incidentsCommand(),
  mute: async () => (await import("./commands/mute.ts")).muteCommand(),
  protect: async () => (await import("./commands/protect.ts")).protectCommand(),
  report: async () => (await import("./commands/report.ts")).reportCommand(),
  status: async () => (await import("./commands/status.ts")).statusCommand(),
  unmute: async () => (await import("./commands/mute.ts")).unmuteCommand(),
  unprotect: async () => (await import("./commands/unprotect.ts")).unprotectCommand(),
  watch: async () => (await import("./commands/watch.ts")).watchCommand(),
};

const program = new Command("bernard")
  .description("Self-rescue for KVM virtual machines.")
  .version("0.1.0")
  .exitOverride()
  .configureOutput({ outputError: (text, write) => write(`${usageLine(text)}\n`) });

const named = process.argv[2] ?? "";
const wanted = Object.hasOwn(commands, named) ? [commands[named]!] : Object.values(commands);
for (const command of wanted) program.addCommand((await command()).copyInheritedSettings(program));

// Whoever read us has gone (`| head`): nothing is left to say, and process.exit undoes what must be undone.
for (const stream of [process.stdout, process.stderr]) stream.on("error", () => process.exit(1));

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2;
  else {
    console.error(`bernard: ${errorLine(error)}`);
    process.exitCode = error instanceof UserError ? error.exitCode : 1;
  }
}

/**
 * Commander's complaint as the one line that ours are:
 * `error: unknown option '--acts'\n(Did you mean --act?)` -> `bernard: unknown option '--acts' (Did you mean --act?); try --help`
 */
function usageLine(complaint: string): string {
  const line = complaint.trim().replaceAll(/\s*\n\s*/g, " ");
  return `${line.replace(/^error: /, "bernard: ").replace(/\.$/, "")}; try --help`;
}
