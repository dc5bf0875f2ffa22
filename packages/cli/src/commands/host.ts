/** `bernard host`: the daemon on a host, the witness. */
import { existsSync } from "node:fs";
import { type HostConfig, parseConfig, readConfig } from "@bernard/host/daemon";
import { Command } from "commander";
import { runHost } from "../host/run-host.ts";

const CONFIG = "/etc/bernard/host.yaml";

interface Flags {
  readonly config?: string;
  readonly check?: true;
}

export function hostCommand(): Command {
  return new Command("host")
    .description("Watch this host's guests: see every incident, keep its evidence, tell people. Touches no guest.")
    .option("--config <file>", `the configuration (default: ${CONFIG}, if it is there)`)
    .option("--check", "only tell whether the configuration is right")
    .addHelpText(
      "after",
      "\nExit code: 0 ended by a signal, 2 wrong configuration, 3 no hypervisor, or a second daemon.",
    )
    .action(async (flags: Flags) => {
      const read = () => configOf(flags.config);
      const config = await read();
      if (flags.check === true) console.log("the configuration is right");
      else await runHost(config, read);
    });
}

async function configOf(file: string | undefined): Promise<HostConfig> {
  if (file === undefined && !existsSync(CONFIG)) return parseConfig("", CONFIG);
  return await readConfig(file ?? CONFIG);
}
