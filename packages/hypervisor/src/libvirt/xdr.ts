/**
 * XDR, the encoding of what libvirt's packets carry: big-endian, in units of four bytes. A codec writes and reads one type.
 * Specification: https://www.rfc-editor.org/rfc/rfc4506
 */

/** Longest string in bytes (REMOTE_STRING_MAX). */
const STRING_MAX = 4_194_304;

/** Bytes that are no such value: too short, over a limit, or not what the type allows. */
export class XdrError extends Error {}

export interface Codec<T> {
  write(to: XdrWriter, value: T): void;
  /** @throws XdrError */
  read(from: XdrReader): T;
}

type Decoded<C> = C extends Codec<infer T> ? T : never;

type Fields = Readonly<Record<string, Codec<unknown>>>;
export type Struct<F> = { readonly [K in keyof F]: Decoded<F[K]> };

class XdrWriter {
  #buffer = Buffer.allocUnsafe(256);
  #length = 0;

  /** What has been written; later writes do not change it. */
  bytes(): Buffer {
    return Buffer.from(this.#buffer.subarray(0, this.#length));
  }

  /** Room for `length` bytes, to be written in full, as a view; their padding is zeroed. */
  take(length: number): Buffer {
    const start = this.#length;
    const end = start + padded(length);
    if (end > this.#buffer.length) {
      const larger = Buffer.allocUnsafe(Math.max(end, this.#buffer.length * 2));
      this.#buffer.copy(larger, 0, 0, start);
      this.#buffer = larger;
    }
    this.#length = end;
    if (start + length < end) this.#buffer.fill(0, start + length, end);
    return this.#buffer.subarray(start, start + length);
  }
}

class XdrReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  /** The next `length` bytes as a view; their padding is skipped. */
  take(length: number): Buffer {
    if (padded(length) > this.left) throw new XdrError(`${length} bytes wanted, ${this.left} left`);
    const view = this.#bytes.subarray(this.#at, this.#at + length);
    this.#at += padded(length);
    return view;
  }
}

const padded = (length: number): number => Math.ceil(length / 4) * 4;

export const int: Codec<number> = {
  write: (to, value) => void to.take(4).writeInt32BE(value),
  read: (from) => from.take(4).readInt32BE(),
};

export const uint: Codec<number> = {
  write: (to, value) => void to.take(4).writeUInt32BE(value),
  read: (from) => from.take(4).readUInt32BE(),
};

/** 64 bits, signed. */
export const hyper: Codec<bigint> = {
  write: (to, value) => void to.take(8).writeBigInt64BE(value),
  read: (from) => from.take(8).readBigInt64BE(),
};

export const unsignedHyper: Codec<bigint> = {
  write: (to, value) => void to.take(8).writeBigUInt64BE(value),
  read: (from) => from.take(8).readBigUInt64BE(),
};

export const double: Codec<number> = {
  write: (to, value) => void to.take(8).writeDoubleBE(value),
  read: (from) => from.take(8).readDoubleBE(),
};

/** UTF-8; bytes that are none become U+FFFD. */
export const string: Codec<string> = {
  write: (to, value) => {
    const length = Buffer.byteLength(value);
    if (length > STRING_MAX) throw new XdrError(`a string of ${length} bytes; libvirt takes ${STRING_MAX}`);
    uint.write(to, length);
    to.take(length).write(value);
  },
  read: (from) => {
    const length = uint.read(from);
    if (length > STRING_MAX) throw new XdrError(`a string of ${length} bytes; libvirt sends ${STRING_MAX} at most`);
    return from.take(length).toString("utf8");
  },
};

/** 16 bytes, as libvirt prints them: `9a9f5bcf-e189-414a-9a2f-eff3117dd7e3`. */
export const uuid: Codec<string> = {
  write: (to, value) => {
    const bytes = Buffer.from(value.replaceAll("-", ""), "hex");
    if (bytes.length !== 16) throw new XdrError(`${value} is no UUID`);
    bytes.copy(to.take(16));
  },
  read: (from) => {
    const hex = from.take(16).toString("hex");
    return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
  },
};

export function optional<T>(codec: Codec<T>): Codec<T | undefined> {
  return {
    write: (to, value) => {
      uint.write(to, value === undefined ? 0 : 1);
      if (value !== undefined) codec.write(to, value);
    },
    read: (from) => {
      const there = uint.read(from);
      if (there > 1) throw new XdrError(`${there} where 0 or 1 tells whether a value follows`);
      return there === 1 ? codec.read(from) : undefined;
    },
  };
}

/** @param max how many libvirt sends or takes at most */
export function list<T>(codec: Codec<T>, max: number): Codec<readonly T[]> {
  return {
    write: (to, values) => {
      if (values.length > max) throw new XdrError(`a list of ${values.length}; libvirt takes ${max}`);
      uint.write(to, values.length);
      for (const value of values) codec.write(to, value);
    },
    read: (from) => {
      const length = uint.read(from);
      // Each member has at least one unit: a length that cannot be true reserves no memory.
      if (length > max || length * 4 > from.left) throw new XdrError(`a list of ${length}, ${from.left} bytes left`);
      return Array.from({ length }, () => codec.read(from));
    },
  };
}

export function struct<const F extends Readonly<Record<string, Codec<unknown>>>>(fields: F): Codec<Struct<F>> {
  const entries = Object.entries(fields as Fields) as [string, Codec<unknown>][];
  return {
    write: (to, value) => {
      for (const [name, codec] of entries) codec.write(to, (value as Record<string, unknown>)[name]);
    },
    read: (from) => Object.fromEntries(entries.map(([name, codec]) => [name, codec.read(from)])) as Struct<F>,
  };
}

/**
 * An enumeration as words, by their position: `words("pause", "reset")` reads 1 as `reset`, and 7, of a newer libvirt,
 * as `unknown-7`.
 */
export function words<const W extends readonly string[]>(...names: W): Codec<Word<W>> {
  return {
    write: (to, value) => int.write(to, numberOf(names, value)),
    read: (from) => wordFor(names, int.read(from)),
  };
}

export type Word<W extends readonly string[]> = W[number] | `unknown-${number}`;

export function wordFor<const W extends readonly string[]>(names: W, value: number): Word<W> {
  return names[value] ?? `unknown-${value}`;
}

function numberOf(names: readonly string[], word: string): number {
  const known = names.indexOf(word);
  if (known >= 0) return known;
  const unknown = /^unknown-(-?\d+)$/.exec(word)?.[1];
  if (unknown === undefined) throw new XdrError(`${word} is none of ${names.join(", ")}`);
  return Number(unknown);
}

export function encode<T>(codec: Codec<T>, value: T): Buffer {
  const to = new XdrWriter();
  codec.write(to, value);
  return to.bytes();
}

/** @throws XdrError, also when bytes are left over */
export function decode<T>(codec: Codec<T>, bytes: Buffer): T {
  const from = new XdrReader(bytes);
  const value = codec.read(from);
  if (from.left > 0) throw new XdrError(`${from.left} bytes left over`);
  return value;
}
