/**
 * Edits a domain's XML so that a guest is protected, or no longer is, by splices: every byte outside them stays what it is.
 * Reference: https://libvirt.org/formatdomain.html
 */
import type { WatchdogAction, WatchdogModel } from "@bernard/policy";
import { CHANNEL_NAME } from "@bernard/protocol";
import { XmlElement } from "@rgrove/parse-xml";
import MagicString from "magic-string";
import type { DomainXml } from "./parse.ts";

export interface Protection {
  readonly model: WatchdogModel;
  /** One for all devices of a guest: libvirt refuses two. */
  readonly action: WatchdogAction;
  /** Models of declared devices that go. */
  readonly replaces: readonly string[];
}

export interface Edited {
  readonly xml: string;
  /** What is new and what is gone, for people: `+ <watchdog .../>`, `- <watchdog .../>`. */
  readonly lines: readonly string[];
}

/** The same domain with that device and action, and with Bernard's channel. */
export function protectedXml(domain: DomainXml, { model, action, replaces }: Protection): Edited {
  const edit = new Edit(domain);
  const going = domain.watchdogs.filter((each) => replaces.includes(each.attributes.model ?? ""));
  const staying = domain.watchdogs.filter((each) => !going.includes(each));
  for (const each of going) edit.remove(each);
  for (const each of staying) edit.setAttribute(each, "action", action);
  if (!staying.some((each) => each.attributes.model === model)) edit.append(watchdogXml(model, action));
  if (!hasChannel(domain)) edit.append(CHANNEL_XML);
  return edit.result();
}

/** The same domain without what protects it; what is part of its machine stays. */
export function unprotectedXml(domain: DomainXml): Edited {
  const edit = new Edit(domain);
  for (const element of removable(domain)) edit.remove(element);
  return edit.result();
}

function removable({ watchdogs, hardware, channels }: DomainXml): XmlElement[] {
  const declared = watchdogs.filter((_, i) => hardware.watchdogs[i]?.origin === "declared");
  return [...declared, ...channels.filter(({ name }) => name === CHANNEL_NAME).map(({ element }) => element)];
}

export const hasChannel = ({ channels }: DomainXml): boolean => channels.some(({ name }) => name === CHANNEL_NAME);

export const watchdogXml = (model: string, action: WatchdogAction): string =>
  `<watchdog model='${model}' action='${action}'/>`;

/** libvirt chooses the socket on the host's side, and adds the controller where there is none. */
export const CHANNEL_XML = `<channel type='unix'>
  <target type='virtio' name='${CHANNEL_NAME}'/>
</channel>`;

/** Splices in a domain's devices. */
class Edit {
  readonly #source: string;
  readonly #text: MagicString;
  readonly #lines: string[] = [];
  /** Between two devices: a line's end and its indentation. */
  readonly #gap: string;
  readonly #quote: string;
  /** Where the last device ends, or the start tag of all. */
  readonly #end: number;

  constructor({ source, devices }: DomainXml) {
    this.#source = source;
    this.#text = new MagicString(source);
    const elements = devices.children.filter((each) => each instanceof XmlElement);
    const first = elements[0];
    this.#gap = first === undefined ? "" : blanksBefore(source, first.start);
    this.#quote = elements.map((each) => /["']/.exec(startTag(source, each))?.[0]).find(Boolean) ?? "'";
    this.#end = elements.at(-1)?.end ?? devices.start + startTag(source, devices).length;
  }

  append(element: string): void {
    const text = element.replaceAll("'", this.#quote);
    this.#text.appendLeft(this.#end, this.#gap + text.replaceAll("\n", this.#gap));
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
