/** What a guest's protection changes, and its removal: in its definition, in the running guest, and what its operator is told. */
import type { WatchdogAction, WatchdogChoice } from "@bernard/policy";
import { CHANNEL_NAME } from "@bernard/protocol";
import type { XmlElement } from "@rgrove/parse-xml";
import type { Guest, Owner } from "../hypervisor.ts";
import type { TableRoad } from "./domain-xml/acpi-table.ts";
import { type DomainXml, parseDomain } from "./domain-xml/parse.ts";
import { type Edited, hasChannel, protectedXml, unprotectedXml } from "./domain-xml/update.ts";

/** A guest as it is. */
export interface Seen {
  readonly guest: Guest;
  readonly owner: Owner | undefined;
  /** Its definition, and the running guest; undefined where there is no such thing. */
  readonly defined: DomainXml | undefined;
  readonly live: DomainXml | undefined;
  /** The first of these that there is. */
  readonly known: DomainXml;
  /** Whether it is off with its memory and its devices kept for its next start. */
  readonly saved: boolean;
}

export interface Plan {
  readonly guest: Guest;
  readonly owner: Owner | undefined;
  /** The XML that would change: `+ <watchdog .../>`. */
  readonly lines: readonly string[];
  /** What its operator should know besides. */
  readonly notes: readonly string[];
  /** Undefined for a transient guest: libvirt keeps no definition of it. */
  readonly definition: { readonly before: string; readonly after: string } | undefined;
  readonly parts: readonly Part[];
  /** A file on the host that must be there first. */
  readonly file: { readonly path: string; readonly bytes: Uint8Array } | undefined;
}

/** One thing that shall be so. */
export interface Part {
  readonly what: string;
  /** Whether it is so in the definition, and in the running guest; undefined where there is no such thing. */
  readonly defined: boolean | undefined;
  readonly live: boolean | undefined;
  /** Where it is not so in the running guest: what makes it so, or why nobody can. */
  readonly make: Step | string;
}

/** What is done to a running guest. */
export type Step =
  /** Plugs in an i6300esb with the action that the guest has, then sets the one that it shall have. */
  | { readonly act: "plug-in"; readonly given: WatchdogAction; readonly action: WatchdogAction }
  | { readonly act: "set-action"; readonly action: WatchdogAction }
  | { readonly act: "add-channel" }
  /** Takes out the device with that XML, which `find` finds as long as it is there. */
  | { readonly act: "take-out"; readonly xml: string; readonly find: Find };

type Find = (domain: DomainXml) => XmlElement | undefined;

type Choice = Extract<WatchdogChoice, { kept: boolean }>;

/** @param table for the model wdat; `file` where it must be put there first */
export function protectionPlan(seen: Seen, choice: Choice, table: TableRoad | undefined, file: Plan["file"]): Plan {
  const { guest, owner, defined, known } = seen;
  const edited = protectedXml(known, { ...choice, table });
  return {
    guest,
    owner,
    lines: edited.lines,
    notes: [...notesOn(choice, parseDomain(edited.xml), table), ...savedNotes(seen)],
    definition: definitionOf(defined, edited),
    parts: [...watchdogParts(choice, seen), channelPart(seen)],
    file,
  };
}

export function removalPlan(seen: Seen): Plan {
  const { guest, owner, defined, live, known } = seen;
  const edited = unprotectedXml(known);
  const models = new Set([...removableIn(defined), ...removableIn(live)]);
  const itco = known.hardware.watchdogs.some(({ origin }) => origin === "implicit");
  const notes = [
    ...(itco ? ["its itco is part of the machine and stays; it fires only if the guest starts it"] : []),
    ...known.tables.flatMap(({ ours, path }) => (ours ? [`${path} stays, for other guests`] : [])),
    ...savedNotes(seen),
  ];
  const parts = [...models].map((model) => ({
    what: `no watchdog ${model}`,
    defined: defined && !removableIn(defined).includes(model),
    live: live && !removableIn(live).includes(model),
    make:
      model === "i6300esb"
        ? takeOut(live, (domain) => device(domain, model))
        : `libvirt takes no ${model} out of a running guest`,
  }));
  const noChannel = {
    what: `no channel ${CHANNEL_NAME}`,
    defined: defined && !hasChannel(defined),
    live: live && !hasChannel(live),
    make: takeOut(live, channel),
  };
  return {
    guest,
    owner,
    lines: edited.lines,
    notes,
    definition: definitionOf(defined, edited),
    parts: [...parts, noChannel],
    file: undefined,
  };
}

function watchdogParts({ model, action, beside, replaces }: Choice, { defined, live }: Seen): Part[] {
  const what = `watchdog ${model}`;
  const has = (domain: DomainXml | undefined) => domain && isThere(domain, model);
  const acts = (domain: DomainXml | undefined) => domain && has(domain) && domain.hardware.action === action;
  const gone = replaces.map((each) => ({
    what: `no watchdog ${each}`,
    defined: defined && !removableIn(defined).includes(each),
    live: live && !removableIn(live).includes(each),
    make: "a device is replaced while the guest is off",
  }));
  const company = (beside === undefined ? [] : [beside]).map((each) => ({
    what: `watchdog ${each} beside it`,
    defined: defined && isThere(defined, each),
    live: live && isThere(live, each),
    make: "it comes with the table",
  }));
  if (has(live) && !acts(live)) {
    return [
      ...gone,
      { what, defined: has(defined), live: true, make: "" },
      { what: `action ${action}`, defined: acts(defined), live: false, make: { act: "set-action", action } },
      ...company,
    ];
  }
  const make: Part["make"] =
    model === "i6300esb"
      ? { act: "plug-in", given: live?.hardware.action ?? action, action }
      : model === "wdat"
        ? "QEMU takes an ACPI table when it starts"
        : `libvirt plugs no ${model} into a running guest`;
  return [...gone, { what: `${what}, action ${action}`, defined: acts(defined), live: has(live), make }, ...company];
}

function channelPart({ defined, live }: Seen): Part {
  return {
    what: `channel ${CHANNEL_NAME}`,
    defined: defined && hasChannel(defined),
    live: live && hasChannel(live),
    make: { act: "add-channel" },
  };
}

function takeOut(live: DomainXml | undefined, find: Find): Part["make"] {
  const element = live && find(live);
  return element === undefined ? "" : { act: "take-out", xml: live!.source.slice(element.start, element.end), find };
}

const device = ({ watchdogs }: DomainXml, model: string): XmlElement | undefined =>
  watchdogs.find(({ attributes }) => attributes.model === model);

const channel = ({ channels }: DomainXml): XmlElement | undefined =>
  channels.find(({ name }) => name === CHANNEL_NAME)?.element;

function definitionOf(defined: DomainXml | undefined, { xml }: Edited): Plan["definition"] {
  return defined && { before: defined.source, after: xml };
}

/** Whether libvirt knows of it: what others put in behind its back is no protection of ours. Our table is. */
const isThere = (domain: DomainXml, model: string): boolean =>
  model === "wdat"
    ? domain.hardware.watchdogs.some((each) => each.model === "wdat")
    : device(domain, model) !== undefined;

const removableIn = (domain: DomainXml | undefined): string[] =>
  domain?.hardware.watchdogs
    .filter(({ model, origin }) => origin === "declared" || model === "wdat")
    .map(({ model }) => model) ?? [];

const savedNotes = ({ saved }: Seen): string[] =>
  saved
    ? ["its memory is saved (virsh managedsave): it goes on from there as it was, and its next start is the one after"]
    : [];

/** Of the guest as it will be. */
function notesOn(
  { driver, warnings, beside }: Choice,
  { hardware }: DomainXml,
  table: TableRoad | undefined,
): string[] {
  const outside = hardware.watchdogs.filter(({ origin }) => origin === "outside");
  const others = table === undefined ? outside : outside.filter((each) => !["itco", "wdat"].includes(each.model));
  return [
    `the guest needs the driver ${driver}, and bernard-guest to feed the device`,
    ...(table === undefined ? [] : [`its ACPI table is ${table.path}, by ${table.by}`]),
    ...(beside === undefined ? [] : [`its ${beside} carries the action: this libvirt knows no itco`]),
    ...warnings,
    ...others.map((each) => `it has an ${each.model} besides that libvirt does not know of`),
  ];
}
