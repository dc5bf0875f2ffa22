/** Plain text as mdoc(7) of a manual page. */

/** Items of a list, each with what is said of it. */
export function list(items: readonly { readonly name: string; readonly help: string }[]): string {
  return items.map(({ name, help }) => `.It Li ${text(name)}\n${prose(help)}`).join("\n");
}

/** Each sentence on a line of its own, as mdoc(7) has it. */
export function prose(plain: string): string {
  return plain
    .split(/(?<=[a-z)][.]) (?=[A-Z])/)
    .map(text)
    .join("\n");
}

/** No request at a line's start, no escapes, and a '-' that stays one, since it is to be typed. */
export function text(plain: string): string {
  return plain
    .replaceAll("\\", "\\e")
    .replaceAll("-", "\\-")
    .replace(/^(?=[.'])/, "\\&");
}

/** The day as `.Dd` has it. */
export function day(seconds: number): string {
  const options = { timeZone: "UTC", month: "long", day: "numeric", year: "numeric" } as const;
  return new Date(seconds * 1000).toLocaleDateString("en-US", options);
}

/** A template with each `@NAME@` replaced by the part of that name. */
export function fill(template: string, parts: Readonly<Record<string, string>>): string {
  return template.replace(/@([A-Z]+)@/g, (_, name: string) => parts[name] as string);
}
