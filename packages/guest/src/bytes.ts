/** Bytes of the kernel's text files, looked at in place: no strings are built on the daemon's regular path. */

/** Text as bytes; ours is ASCII but for paths, which are UTF-8. */
export function encode(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length * 3); // a UTF-16 unit makes three bytes at most, a pair of them four
  let size = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x80) bytes[size++] = code;
    else {
      const point = text.codePointAt(i) as number;
      if (point > 0xffff) i++;
      for (const byte of encodePoint(point)) bytes[size++] = byte;
    }
  }
  return bytes.subarray(0, size);
}

function encodePoint(point: number): number[] {
  if (point < 0x800) return [0xc0 | (point >> 6), 0x80 | (point & 63)];
  const last = [0x80 | ((point >> 6) & 63), 0x80 | (point & 63)];
  if (point < 0x10000) return [0xe0 | (point >> 12), ...last];
  return [0xf0 | (point >> 18), 0x80 | ((point >> 12) & 63), ...last];
}

/** Bytes as text; what is not UTF-8 becomes U+FFFD. */
export function decode(bytes: Uint8Array): string {
  let text = "";
  for (let i = 0; i < bytes.length; ) {
    const lead = bytes[i++] as number;
    const more = lead < 0x80 ? 0 : lead >= 0xf0 && lead < 0xf8 ? 3 : lead >= 0xe0 ? 2 : lead >= 0xc2 ? 1 : -1;
    let code = more <= 0 ? lead : lead & (0x3f >> more);
    let valid = more >= 0 && lead < 0xf8;
    for (let k = 0; k < more && valid; k++) {
      const next = bytes[i] ?? 0;
      valid = (next & 0xc0) === 0x80;
      if (valid) {
        code = (code << 6) | (next & 63);
        i++;
      }
    }
    text += valid && code <= 0x10ffff ? String.fromCodePoint(code) : "\ufffd";
  }
  return text;
}

/** Both, one behind the other. */
export function joined(first: Uint8Array, second: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(first.length + second.length);
  bytes.set(first);
  bytes.set(second, first.length);
  return bytes;
}

/** Offset just behind the first `key`, or -1. */
export function behind(bytes: Uint8Array, key: Uint8Array): number {
  const first = key[0] as number;
  for (let at = bytes.indexOf(first); at !== -1; at = bytes.indexOf(first, at + 1)) {
    let same = 1;
    while (same < key.length && bytes[at + same] === key[same]) same++;
    if (same === key.length) return at + same;
  }
  return -1;
}

/** The decimal number behind the first `key` and any spaces, NaN where there is none. */
export function numberBehind(bytes: Uint8Array, key: Uint8Array): number {
  const at = behind(bytes, key);
  return at === -1 ? Number.NaN : numberAt(bytes, at);
}

const TAB = 9;
const SPACE = 32;

/** Offset of the field that `index` others stand before, with blanks between them; the end where there are fewer. */
export function fieldAt(bytes: Uint8Array, index: number): number {
  const isBlank = (at: number) => bytes[at] === SPACE || bytes[at] === TAB;
  let at = 0;
  for (let before = 0; before < index; before++) {
    while (at < bytes.length && !isBlank(at)) at++;
    while (isBlank(at)) at++;
  }
  return at;
}

const DOT = 46;
const ZERO = 48;

/** The unsigned decimal number at `at`, spaces before it skipped; NaN where there is none. */
export function numberAt(bytes: Uint8Array, at: number): number {
  let value = 0;
  let digits = 0;
  let scale = 0;
  while (bytes[at] === SPACE) at++;
  for (; at < bytes.length; at++) {
    const byte = bytes[at] as number;
    if (byte === DOT && scale === 0 && digits > 0) scale = 1;
    else if (byte < ZERO || byte > ZERO + 9) break;
    else {
      value = value * 10 + byte - ZERO;
      digits += 1;
      scale *= 10;
    }
  }
  if (digits === 0) return Number.NaN;
  return scale > 1 ? value / scale : value;
}
