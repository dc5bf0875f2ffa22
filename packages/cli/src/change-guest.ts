/** What `bernard protect` and `bernard unprotect` share: a plan is shown or carried out, and each part told when it holds. */
import { once } from "node:events";
import { createInterface } from "node:readline/promises";
import type { Guest } from "@bernard/hypervisor";
import { type Change, type Plan, Protector } from "@bernard/hypervisor/libvirt";
import { printable } from "@bernard/protocol";
import { errorLine, UserError } from "@bernard/tools";
import type { Command } from "commander";
import { connectOption } from "./connect-option.ts";
import { json } from "./print.ts";

export interface ChangeFlags {
  readonly connect: string;
  readonly force?: true;
  readonly dryRun?: true;
  readonly restart?: true;
  readonly yes?: true;
  readonly json?: true;
}

/** The options of both. */
export function withChangeOptions(command: Command): Command {
  return command
    .argument("<guest>", "its name or UUID")
    .addOption(connectOption())
    .option("--force", "change a guest that somebody else owns: Nova, oVirt, KubeVirt, Pacemaker")
    .option("--dry-run", "print the lines of XML that would change, and change nothing")
    .option("--restart", "shut a running guest down and start it where nothing else makes the change hold; asks first")
    .option("--yes", "the answer to what --restart asks")
    .option("--json", "print one JSON object")
    .addHelpText(
      "after",
      "\nExit code: 0 done, or as it should be already; 1 failed; 2 usage; 3 unreachable or refused; 4 partly done.",
    );
}

/** @returns the exit code */
export async function changeGuest(
  flags: ChangeFlags,
  planBy: (protector: Protector) => Promise<Plan>,
): Promise<0 | 1 | 4> {
  if (flags.connect.startsWith("qmp:")) {
    throw new UserError("a QEMU without libvirt has no definition", "give it -device i6300esb where it is started", 2);
  }
  const protector = await Protector.open(flags.connect);
  try {
    const plan = await planBy(protector);
    const changesLive = plan.parts.some(({ live }) => live === false);
    if (flags.restart && !flags.dryRun && changesLive && !flags.yes && !process.stdin.isTTY) {
      throw new UserError("--restart asks before it shuts a guest down, and nobody is there", "add --yes", 2);
    }
    const changes = flags.dryRun ? undefined : await protector.carryOut(plan, flags.force ?? false);
    if (!flags.json) for (const line of inWords(plan, changes)) console.log(printable(line));
    const cycled = changes && flags.restart ? await powerCycled(protector, plan, changes, flags) : undefined;
    if (flags.json) console.log(json(asJson(plan, changes, cycled)));
    return cycled === "failed" ? 4 : exitCode(plan, changes ?? []);
  } finally {
    protector.close();
  }
}

function exitCode({ definition, lines }: Plan, changes: readonly Change[]): 0 | 1 | 4 {
  if (!changes.some(({ when }) => when === "never" || when === "unknown")) return 0;
  const written = definition !== undefined && lines.length > 0;
  return written || changes.some(({ when }) => when === "now") ? 4 : 1;
}

type Cycled = "done" | "declined" | "failed";

/** Undefined where there is no need. */
async function powerCycled(
  protector: Protector,
  { guest }: Plan,
  changes: readonly Change[],
  flags: ChangeFlags,
): Promise<Cycled | undefined> {
  if (guest.run === undefined || !changes.some(({ when }) => when === "next-start")) return undefined;
  if (!flags.yes && !(await agreed(guest))) return "declined";
  try {
    await protector.powerCycle(guest);
    if (!flags.json) console.log(printable(`${guest.name}: shut down and started`));
    return "done";
  } catch (error) {
    console.error(`bernard: ${errorLine(error)}`);
    return "failed";
  }
}

async function agreed({ name }: Guest): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  // Ctrl-D and Ctrl-C reject; a terminal that goes away only closes.
  const hungUp = once(terminal, "close").then(() => "no");
  const asked = terminal.question(`shut ${printable(name)} down now and start it? [y/N] `).catch(() => "no");
  try {
    return /^y(es)?$/i.test((await Promise.race([asked, hungUp])).trim());
  } finally {
    terminal.close();
  }
}

function inWords({ guest, owner, lines, notes, definition }: Plan, changes: readonly Change[] | undefined): string[] {
  const head = owner === undefined ? [] : [`${guest.name}: owned by ${owner.name}: ${owner.mark}`];
  if (changes === undefined) return [...head, ...(lines.length > 0 ? lines : [`${guest.name}: nothing would change`])];
  const words = ({ when, why }: Change): string => {
    switch (when) {
      case "already":
        return "is so already";
      case "now":
        return definition === undefined ? "from now on; nothing keeps it for its next start" : "from now on";
      case "next-start":
        return guest.run === undefined
          ? "at its next start"
          : `at its next start (a reboot inside it is not enough)${why === undefined ? "" : `: ${why}`}`;
      case "never":
        return `cannot be: ${why}`;
      case "unknown":
        return `${definition === undefined ? "" : "at its next start; "}whether now is not known: ${why}`;
    }
  };
  return [
    ...head,
    ...[...changes.map((each) => `${each.what}: ${words(each)}`), ...notes].map((line) => `${guest.name}: ${line}`),
  ];
}

function asJson(
  { guest: { name, uuid }, owner, lines, notes }: Plan,
  changes: readonly Change[] | undefined,
  cycled: Cycled | undefined,
): unknown {
  const told = changes?.map(({ what, when, why }) => ({ what, when, why: why ?? null })) ?? null;
  return { guest: name, uuid, owner: owner ?? null, xml: lines, changes: told, restart: cycled ?? null, notes };
}
