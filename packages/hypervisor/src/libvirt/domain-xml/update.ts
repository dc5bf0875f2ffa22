/**
 * Edits a domain's XML so that a guest is protected, or no longer is, by splices: every byte outside them stays what it is.
 * Reference: https://libvirt.org/formatdomain.html
 */
import type { WatchdogAction, WatchdogModel } from "@bernard/policy";
import { CHANNEL_NAME } from "@bernard/protocol";
import type { XmlElement } from "@rgrove/parse-xml";
import MagicString from "magic-string";
import { STRAP, type TableRoad } from "./acpi-table.ts";
import { QEMU_NAMESPACE } from "./command-line.ts";
import { child, elements } from "./elements.ts";
import type { DomainXml } from "./parse.ts";

export interface Protection {
  readonly model: WatchdogModel;
  /** One for all devices of a guest: libvirt refuses two. */
  readonly action: WatchdogAction;
  /** A device that is declared beside it. */
  readonly beside?: WatchdogModel | undefined;
  /** Models of declared devices that go; `wdat` is our table. */
  readonly replaces: readonly string[];
  /** For the model wdat. */
  readonly table?: TableRoad | undefined;
}

export interface Edited {
  readonly xml: string;
  /** What is new and what is gone, for people: `+ <watchdog .../>`, `- <watchdog .../>`. */
  readonly lines: readonly string[];
}

/** The same domain with that device and action, and with Bernard's channel. */
export function protectedXml(domain: DomainXml, { model, action, beside, replaces, table }: Protection): Edited {
  const edit = new Edit(domain);
  const going = domain.watchdogs.filter((each) => replaces.includes(each.attributes.model ?? ""));
  const staying = domain.watchdogs.filter((each) => !going.includes(each));
  for (const each of going) edit.remove(each);
  if (replaces.includes("wdat")) removeTables(edit, domain);
  for (const each of staying) edit.setAttribute(each, "action", action);
  const declared = table === undefined ? model : beside;
  if (declared !== undefined && !staying.some((each) => each.attributes.model === declared)) {
    edit.append(domain.devices, watchdogXml(declared, action));
  }
  if (!hasChannel(domain)) edit.append(domain.devices, CHANNEL_XML);
  if (table !== undefined) addTable(edit, domain, table);
  return edit.result();
}

/** The same domain without what protects it; what is part of its machine stays. */
export function unprotectedXml(domain: DomainXml): Edited {
  const edit = new Edit(domain);
  for (const element of removable(domain)) edit.remove(element);
  removeTables(edit, domain);
  return edit.result();
}

function removable({ watchdogs, hardware, channels }: DomainXml): XmlElement[] {
  const declared = watchdogs.filter((_, i) => hardware.watchdogs[i]?.origin === "declared");
  return [...declared, ...channels.filter(({ name }) => name === CHANNEL_NAME).map(({ element }) => element)];
}

/** The table, and the strap off where the machine's timer would do nothing. */
function addTable(edit: Edit, domain: DomainXml, { path, by }: TableRoad): void {
  const { root, os, commandLine, tables, hardware } = domain;
  const args: string[] = [];
  if (!tables.some(({ ours }) => ours)) {
    if (by === "qemu:commandline") args.push("-acpitable", `file=${path.replaceAll(",", ",,")}`);
    else {
      const acpi = child(os, "acpi");
      const text = `<table type='raw'>${escaped(path)}</table>`;
      if (acpi === undefined) edit.append(os!, `<acpi>\n  ${text}\n</acpi>`);
      else edit.append(acpi, text);
    }
  }
  if (!hardware.watchdogs.some(({ model }) => model === "itco" || model === "wdat")) args.push(...STRAP);
  if (args.length === 0) return;
  const prefix = commandLine.element?.name.replace(/commandline$/, "") ?? "qemu:";
  const written = args.map((value) => `<${prefix}arg value='${escaped(value)}'/>`);
  if (commandLine.element !== undefined) for (const each of written) edit.append(commandLine.element, each);
  else {
    const start = `<qemu:commandline xmlns:qemu='${QEMU_NAMESPACE}'>`;
    edit.append(root, [start, ...written.map((each) => `  ${each}`), "</qemu:commandline>"].join("\n"));
  }
}

/** With the element around each that it leaves empty: libvirt would write none. */
function removeTables(edit: Edit, { tables, os, commandLine }: DomainXml): void {
  const going = tables.filter(({ ours }) => ours).flatMap((each) => each.elements);
  for (const parent of [child(os, "acpi"), commandLine.element]) {
    const those = elements(parent).filter((each) => going.includes(each));
    if (parent === undefined || those.length === 0) continue;
    if (those.length === elements(parent).length) edit.remove(parent);
    else for (const each of those) edit.remove(each);
  }
}

/** For an XML's text, and its attributes in either kind of quotes. */
const escaped = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll("'", "&apos;").replaceAll('"', "&quot;");

export const hasChannel = ({ channels }: DomainXml): boolean => channels.some(({ name }) => name === CHANNEL_NAME);

export const watchdogXml = (model: string, action: WatchdogAction): string =>
  `<watchdog model='${model}' action='${action}'/>`;

/** libvirt chooses the socket on the host's side, and adds the controller where there is none. */
export const CHANNEL_XML = `<channel type='unix'>
  <target type='virtio' name='${CHANNEL_NAME}'/>
</channel>`;

/** Splices in a domain. */
class Edit {
  readonly #source: string;
  readonly #text: MagicString;
  readonly #lines: string[] = [];
  readonly #quote: string;

  constructor({ source, devices }: DomainXml) {
    this.#source = source;
    this.#text = new MagicString(source);
    this.#quote =
      elements(devices)
        .map((each) => /["']/.exec(startTag(source, each))?.[0])
        .find(Boolean) ?? "'";
  }

  /** As its last child, indented and quoted as its siblings are. */
  append(parent: XmlElement, element: string): void {
    const siblings = elements(parent);
    // Between two of them: a line's end and its indentation.
    const gap = siblings[0] === undefined ? "" : blanksBefore(this.#source, siblings[0].start);
    const end = siblings.at(-1)?.end ?? parent.start + startTag(this.#source, parent).length;
    const text = element.replaceAll("'", this.#quote);
    this.#text.appendLeft(end, gap + text.replaceAll("\n", gap));
    this.#tell("+", text);
  }

  /** With the blanks before it: what stands on its two sides is then as if it had never been between. */
  remove({ start, end }: XmlElement): void {
    const blanks = blanksBefore(this.#source, start);
    this.#text.remove(start - blanks.length, end);
    const text = this.#source.slice(start, end);
    this.#tell("-", blanks.includes("\n") ? text.replaceAll(blanks, "\n") : text);
  }

  setAttribute(element: XmlElement, name: string, value: string): void {
    const tag = startTag(this.#source, element);
    const found = [...tag.matchAll(ATTRIBUTE)].find((each) => each[1] === name);
    const old = found?.[2] ?? "";
    if (old.slice(1, -1) === value) return;
    const quote = /["']/.exec(old || tag)?.[0] ?? this.#quote;
    const written = `${quote}${value}${quote}`;
    const place = found === undefined ? 1 + element.name.length : found.index + found[0].length - old.length;
    const text = found === undefined ? ` ${name}=${written}` : written;
    const at = element.start + place;
    if (found === undefined) this.#text.appendLeft(at, text);
    else this.#text.update(at, at + old.length, text);
    this.#tell("-", tag);
    this.#tell("+", tag.slice(0, place) + text + tag.slice(place + old.length));
  }

  result(): Edited {
    return { xml: this.#text.toString(), lines: this.#lines };
  }

  #tell(sign: string, text: string): void {
    this.#lines.push(...text.split("\n").map((line) => `${sign} ${line}`));
  }
}

function blanksBefore(source: string, place: number): string {
  let start = place;
  while (/\s/.test(source[start - 1] ?? "")) start -= 1;
  return source.slice(start, place);
}

const ATTRIBUTE = /\s+([^\s=/>"'<]+)\s*=\s*("[^"]*"|'[^']*')/g;
const START_TAG = new RegExp(`<[^\\s/>]+(?:${ATTRIBUTE.source})*\\s*/?>`, "y");

/** As it is written. */
function startTag(source: string, { start }: XmlElement): string {
  START_TAG.lastIndex = start;
  return START_TAG.exec(source)![0];
}
