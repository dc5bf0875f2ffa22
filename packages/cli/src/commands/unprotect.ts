/** `bernard unprotect GUEST`: takes a guest's watchdog device and Bernard's channel away. */
import { Command } from "commander";
import { type ChangeFlags, changeGuest, withChangeOptions } from "../change-guest.ts";

export function unprotectCommand(): Command {
  const command = new Command("unprotect").description("Take a guest's watchdog device and Bernard's channel away.");
  return withChangeOptions(command).action(async (name: string, flags: ChangeFlags) => {
    process.exitCode = await changeGuest(flags, (protector) => protector.planRemoval(name));
  });
}
