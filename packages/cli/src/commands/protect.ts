/** `bernard protect GUEST`: gives a guest of libvirt's the right watchdog device and Bernard's channel. */
import { WATCHDOG_ACTIONS, WATCHDOG_MODELS, type WatchdogAction, type WatchdogModel } from "@bernard/policy";
import { q35Wdat, writeWdat } from "@bernard/watchdog";
import { Command, Option } from "commander";
import { type ChangeFlags, changeGuest, withChangeOptions } from "../change-guest.ts";

interface Flags extends ChangeFlags {
  readonly model?: WatchdogModel;
  readonly action?: WatchdogAction;
}

export function protectCommand(): Command {
  const command = new Command("protect")
    .description("Give a guest of libvirt's the right watchdog device, and Bernard's channel.")
    .addOption(
      new Option("--model <model>", "watchdog device; without it what is right for the guest").choices(WATCHDOG_MODELS),
    )
    .addOption(
      new Option("--action <action>", "what the hypervisor does when it fires; without it reset").choices(
        WATCHDOG_ACTIONS,
      ),
    );
  return withChangeOptions(command).action(async (name: string, { model, action, ...flags }: Flags) => {
    const table = writeWdat(q35Wdat);
    process.exitCode = await changeGuest(flags, (protector) =>
      protector.planProtection(name, { model, action, table }),
    );
  });
}
