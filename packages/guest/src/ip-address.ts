/**
 * IP addresses as people write them (RFC 4291, 2.2):
 *
 *   10.0.2.2        -> 10 0 2 2
 *   fd00::10.0.2.2  -> 253 0 0 0 0 0 0 0 0 0 0 0 10 0 2 2
 */

/** The 4 or 16 bytes of a numeric address; undefined where it is none. */
export function parseAddress(text: string): Uint8Array | undefined {
  return text.includes(":") ? parseVersion6(text) : parseVersion4(text);
}

function parseVersion4(text: string): Uint8Array | undefined {
  const parts = text.split(".").map((part) => (isOf(part, "0123456789", 3) ? Number(part) : 256));
  return parts.length === 4 && parts.every((part) => part < 256) ? new Uint8Array(parts) : undefined;
}

function parseVersion6(text: string): Uint8Array | undefined {
  const halves = text.split("::");
  const [head, tail] = halves.map((half, index) => parseGroups(half, index === halves.length - 1));
  if (head === undefined || halves.length > 2) return undefined;
  if (halves.length === 1) return head.length === 16 ? new Uint8Array(head) : undefined;
  if (tail === undefined || head.length + tail.length > 14) return undefined;
  const bytes = new Uint8Array(16);
  bytes.set(head);
  bytes.set(tail, 16 - tail.length);
  return bytes;
}

/** `fd00:1` -> 253 0 0 1; the last group of all may be an address of version 4. */
function parseGroups(text: string, isEnd: boolean): number[] | undefined {
  const bytes: number[] = [];
  const groups = text === "" ? [] : text.split(":");
  for (const [index, group] of groups.entries()) {
    const four = isEnd && index === groups.length - 1 ? parseVersion4(group) : undefined;
    if (four !== undefined) bytes.push(...four);
    else if (!isOf(group, "0123456789abcdefABCDEF", 4)) return undefined;
    else bytes.push(Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 255);
  }
  return bytes;
}

function isOf(text: string, characters: string, most: number): boolean {
  for (const character of text) if (!characters.includes(character)) return false;
  return text !== "" && text.length <= most;
}
