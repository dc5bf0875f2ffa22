/** The configuration file: `key = value` lines as in watchdog.conf(5), each key with a type, a unit and a range. */
import type { End } from "./end.ts";

/** What values a key takes. Numbers have a legal range; `paths` may be given on several lines. */
export type Key =
  | {
      readonly name: string;
      readonly type: "number";
      readonly unit: string;
      /** Fractions are refused. */
      readonly whole?: true;
      readonly min: number;
      readonly max: number;
      readonly fallback: number;
      readonly help: string;
    }
  | { readonly name: string; readonly type: "path"; readonly fallback: string; readonly help: string }
  | {
      readonly name: string;
      readonly type: "choice";
      readonly options: readonly string[];
      readonly fallback: string;
      readonly help: string;
    }
  | {
      readonly name: string;
      readonly type: "texts";
      /** How a text is written, for people: `ADDRESS`, `NAME SECONDS`. */
      readonly form: string;
      /** How many at most. */
      readonly most: number;
      /** What is wrong with one, to stand behind "is"; undefined when nothing is. */
      readonly problemWith: (text: string) => string | undefined;
      readonly help: string;
    }
  | {
      readonly name: string;
      readonly type: "paths";
      /** How many at most. */
      readonly most: number;
      readonly fallback: readonly string[];
      readonly help: string;
    }
  | { readonly name: string; readonly type: "switch"; readonly fallback: boolean; readonly help: string };

/** Longest path a setting may name, in UTF-16 units: a bound for what is kept, well below the kernel's own PATH_MAX. */
const MAX_PATH = 1024;

type Value = number | string | boolean | readonly string[];

/** The values in force, asked for by key; a key that no table names is a defect of ours. */
export class Settings {
  readonly #values: ReadonlyMap<string, Value>;

  constructor(values: ReadonlyMap<string, Value>) {
    this.#values = values;
  }

  number(name: string): number {
    return this.#values.get(name) as number;
  }

  path(name: string): string {
    return this.#values.get(name) as string;
  }

  paths(name: string): readonly string[] {
    return this.#values.get(name) as readonly string[];
  }

  /** One of a choice's options. */
  choice(name: string): string {
    return this.#values.get(name) as string;
  }

  /** What follows when this kind of check has failed. */
  end(kind: string): End {
    return this.#values.get(`${kind}-end`) as End;
  }

  texts(name: string): readonly string[] {
    return this.#values.get(name) as readonly string[];
  }

  on(name: string): boolean {
    return this.#values.get(name) as boolean;
  }
}

/**
 * Reads a whole file; problems name the file, line, key and the legal values, and with any problem nothing is in force.
 * @param file its name, for the messages
 */
export function parseConfig(text: string, file: string, keys: readonly Key[]): Settings | { problems: string[] } {
  const values = new Map<string, Value>();
  const seen = new Map<string, number>();
  const problems: string[] = [];
  for (const key of keys) values.set(key.name, key.type === "texts" ? [] : key.fallback);
  text.split("\n").forEach((raw, index) => {
    const line = raw.trim();
    if (line === "" || line.startsWith("#")) return;
    const problem = takeLine(line, index + 1, keys, values, seen);
    if (problem !== undefined) problems.push(`${file}:${index + 1}: ${problem}`);
  });
  return problems.length > 0 ? { problems } : new Settings(values);
}

function takeLine(
  line: string,
  at: number,
  keys: readonly Key[],
  values: Map<string, Value>,
  seen: Map<string, number>,
): string | undefined {
  const equals = line.indexOf("=");
  if (equals === -1) return `not a setting: '${shorten(line)}'; write 'key = value'`;
  const name = line.slice(0, equals).trim();
  const text = line.slice(equals + 1).trim();
  const key = keys.find((candidate) => candidate.name === name);
  if (key === undefined) return `unknown key '${shorten(name)}'; see bernard-guest --help`;
  const before = seen.get(name);
  const repeatable = key.type === "paths" || key.type === "texts";
  if (before !== undefined && !repeatable) return `${name}: already set in line ${before}; keep one`;
  seen.set(name, at);
  const value = parseValue(key, text);
  if (typeof value === "object") return `${name}: '${shorten(text)}' is ${value.problem}`;
  if (repeatable) {
    const others = before === undefined ? [] : (values.get(name) as readonly string[]);
    if (others.includes(value as string)) return `${name}: '${shorten(text)}' is given twice; keep one`;
    if (others.length === key.most) return `${name}: more than ${key.most} of them; keep that many`;
    values.set(name, value === "none" ? others : [...others, value as string]);
  } else values.set(name, value);
  return undefined;
}

function parseValue(key: Key, text: string): number | string | boolean | { problem: string } {
  switch (key.type) {
    case "number": {
      const number = isPlainDecimal(text) ? Number(text) : Number.NaN;
      const legal = number >= key.min && number <= key.max && !(key.whole && number % 1 !== 0);
      const kind = key.whole ? "whole number" : "number";
      return legal ? number : { problem: `not a ${kind} from ${key.min} to ${key.max} (${key.unit})` };
    }
    case "switch":
      if (text === "yes" || text === "no") return text === "yes";
      return { problem: "neither 'yes' nor 'no'" };
    case "choice":
      return key.options.includes(text) ? text : { problem: `not one of ${key.options.join(", ")}` };
    case "texts": {
      const problem = text.length < MAX_PATH ? key.problemWith(text) : `longer than ${MAX_PATH} characters`;
      return problem === undefined ? text : { problem };
    }
    default:
      if (text.startsWith("/") && text.length < MAX_PATH) return withoutSlashes(text);
      if (text === "none") return text;
      return { problem: `neither 'none' nor an absolute path of less than ${MAX_PATH} characters` };
  }
}

/** `/data/` is `/data`: mount points are compared by name. */
function withoutSlashes(path: string): string {
  let end = path.length;
  while (end > 1 && path[end - 1] === "/") end--;
  return path.slice(0, end);
}

/** Digits with at most one dot among them: no sign, exponent or hexadecimal (the daemon's engine is built without regular expressions). */
function isPlainDecimal(text: string): boolean {
  for (const character of text) if (!"0123456789.".includes(character)) return false;
  return text !== "";
}

function shorten(text: string): string {
  return text.length > 60 ? `${text.slice(0, 60)}...` : text;
}
