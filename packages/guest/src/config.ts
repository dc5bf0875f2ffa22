/**
 * The configuration: `key = value` lines as in watchdog.conf(5), each key with a type, a unit and a range. Files may include others.
 *
 *   change = 1407        a number, and what may follow it: a comment
 *   file = /a # b        not after a path or another text, which take the line to its end
 *   admin =              nothing: no path, no more of a list; a number or a word keeps its default
 *   include = /etc/x.d/  each *.conf in there, by name; a later file's value replaces an earlier one's, lists add up
 */
import type { End } from "./end.ts";
import { shorten } from "./text.ts";

interface Range {
  readonly unit: string;
  /** Fractions are refused. */
  readonly whole?: true;
  readonly min: number;
  readonly max: number;
}

/** A path to a program: `--check` wants it to be one. */
interface MaybeProgram {
  readonly program?: true;
}

/** What values a key takes. `paths` and `texts` may be given on several lines. */
export type Key = {
  readonly name: string;
  readonly help: string;
} & (
  | (Range & { readonly type: "number"; readonly fallback: number })
  /** A number that belongs to the last item, above it in its file, of the list `of`. */
  | (Range & { readonly type: "attribute"; readonly of: string })
  | (MaybeProgram & {
      readonly type: "path";
      /** A word that may stand in a path's place, besides `none`. */
      readonly word?: string;
      readonly fallback: string;
    })
  | (MaybeProgram & {
      readonly type: "paths";
      readonly word?: string;
      /** How many at most. */
      readonly most: number;
      readonly fallback: readonly string[];
    })
  | { readonly type: "choice"; readonly options: readonly string[]; readonly fallback: string }
  | {
      readonly type: "texts";
      /** How a text is written, for people: `ADDRESS`, `NAME SECONDS`. */
      readonly form: string;
      /** How many at most. */
      readonly most: number;
      /** What is wrong with one, to stand behind "is"; undefined when nothing is. */
      readonly problemWith: (text: string) => string | undefined;
    }
  | {
      readonly type: "switch";
      readonly fallback: boolean;
      /** When it is on, this number has this value. */
      readonly sets?: readonly [name: string, value: number];
    }
  /** Taken from an old file and without effect; its help says why. */
  | { readonly type: "retired" }
);

/** Longest path or text of a setting, in UTF-16 units: a bound for what is kept, well below the kernel's own PATH_MAX. */
const MAX_TEXT = 1024;

/** Bounds of all files together: far more than one needs, and an end for whatever is named by mistake. */
export const MAX_SIZE = 64 * 1024;
const MAX_FILES = 64;
const MAX_DEPTH = 4;

/** Problems that are told one by one; the rest is counted. */
const MAX_PROBLEMS = 20;

type Value = number | string | boolean | readonly string[];

/** A program that a setting names. */
interface NamedProgram {
  /** FILE:LINE: KEY. */
  readonly origin: string;
  readonly path: string;
}

/** The values in force, asked for by key; a key that no table names is a defect of ours. */
export class Settings {
  readonly #values: ReadonlyMap<string, Value>;
  /** What the files say without effect: one line each, for people. */
  readonly notices: readonly string[];
  readonly programs: readonly NamedProgram[];

  constructor(values: ReadonlyMap<string, Value>, notices: readonly string[], programs: readonly NamedProgram[]) {
    this.#values = values;
    this.notices = notices;
    this.programs = programs;
  }

  number(name: string): number {
    return this.#values.get(name) as number;
  }

  /** The number that belongs to this item of the list; undefined where none is given. */
  attribute(name: string, item: string): number | undefined {
    return this.#values.get(idOf(name, item)) as number | undefined;
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

  /** Whether any kind of check ends the guest so. */
  hasEnd(end: End): boolean {
    for (const [name, value] of this.#values) if (name.endsWith("-end") && value === end) return true;
    return false;
  }

  texts(name: string): readonly string[] {
    return this.#values.get(name) as readonly string[];
  }

  on(name: string): boolean {
    return this.#values.get(name) as boolean;
  }
}

/** What lies at a path: a file's text, a folder's names, or why neither can be had. */
export type Found =
  | { readonly text: string }
  | { readonly names: readonly string[] }
  | { readonly problem: string; readonly missing: boolean };

/**
 * Reads a whole configuration; problems name the file, line, key and the legal values, and with any problem nothing is in force.
 * @param file its name, for the messages
 * @param find looks up what a file includes
 */
export function parseConfig(
  text: string,
  file: string,
  keys: readonly Key[],
  find: (path: string) => Found = () => ({ problem: "cannot be read here", missing: true }),
): Settings | { problems: string[] } {
  const parser = new Parser(keys, find);
  parser.takeFile(text, file, []);
  return parser.finish(file);
}

/** One file while it is read. */
interface Scope {
  readonly file: string;
  /** Itself and those that include it. */
  readonly above: readonly string[];
  /** Where what stands in this file, by key, item or attribute. */
  readonly lines: Map<string, number>;
  /** The last item of each list. */
  readonly last: Map<string, string>;
}

class Parser {
  readonly #keys: readonly Key[];
  readonly #find: (path: string) => Found;
  readonly #values = new Map<string, Value>();
  /** Lists that have replaced their default. */
  readonly #begun = new Set<string>();
  readonly #notices: string[] = [];
  readonly #retired: string[] = [];
  readonly #programs: NamedProgram[] = [];
  readonly #problems: string[] = [];
  #more = 0;
  #files = 0;
  #size = 0;

  constructor(keys: readonly Key[], find: (path: string) => Found) {
    this.#keys = keys;
    this.#find = find;
    for (const key of keys) {
      if (key.type === "texts") this.#values.set(key.name, []);
      else if ("fallback" in key) this.#values.set(key.name, key.fallback);
    }
  }

  takeFile(text: string, file: string, below: readonly string[]): void {
    this.#files += 1;
    this.#size += text.length;
    const scope: Scope = { file, above: [...below, file], lines: new Map(), last: new Map() };
    text.split("\n").forEach((raw, index) => {
      const line = raw.trim();
      if (line === "" || line.startsWith("#")) return;
      const problem = this.#takeLine(line, index + 1, scope);
      if (problem !== undefined) this.#complain(`${file}:${index + 1}: ${problem}`);
    });
  }

  finish(file: string): Settings | { problems: string[] } {
    if (this.#more > 0) this.#problems.push(`${file}: ${this.#more} more problems`);
    if (this.#problems.length > 0) return { problems: this.#problems };
    for (const key of this.#keys) {
      if (key.type === "switch" && key.sets !== undefined && this.#values.get(key.name)) this.#values.set(...key.sets);
    }
    if (this.#retired.length > 0) this.#notices.push(`${file}: without effect: ${this.#retired.join("; ")}`);
    return new Settings(this.#values, this.#notices, this.#programs);
  }

  #complain(problem: string): void {
    if (this.#problems.length < MAX_PROBLEMS) this.#problems.push(problem);
    else this.#more += 1;
  }

  #takeLine(line: string, at: number, scope: Scope): string | undefined {
    const equals = line.indexOf("=");
    if (equals === -1 || line.includes("\0")) return `not a setting: '${shorten(line)}'; write 'key = value'`;
    const name = line.slice(0, equals).trim();
    const text = line.slice(equals + 1).trim();
    if (name === "include") return this.#include(text, scope);
    const key = this.#keys.find((candidate) => candidate.name === name);
    if (key === undefined) return `unknown key '${shorten(name)}'; see bernard-guest --help`;
    if (key.type === "texts" || key.type === "paths") return this.#takeItem(key, text, at, scope);
    let id = name;
    if (key.type === "attribute") {
      const item = scope.last.get(key.of);
      if (item === undefined)
        return `${name}: no '${key.of} =' above it in this file; put it below the one it belongs to`;
      id = idOf(name, item);
    }
    const before = scope.lines.get(id);
    if (before !== undefined) return `${name}: already set in line ${before}; keep one`;
    scope.lines.set(id, at);
    if (key.type === "retired") this.#retired.push(`${name} (${key.help})`);
    else if (text === "" && key.type !== "path") {
      this.#notices.push(`${scope.file}:${at}: ${name}: no value, so it keeps what it has`);
    } else {
      const value = parseValue(key, text);
      if (typeof value === "object") return `${name}: '${shorten(text)}' is ${value.problem}`;
      this.#values.set(id, value);
      if (key.type === "path") this.#takeProgram(key, value as string, at, scope);
    }
    return undefined;
  }

  #takeItem(key: Key & { type: "paths" | "texts" }, text: string, at: number, scope: Scope): string | undefined {
    const { name } = key;
    const others = this.#begun.has(name) ? (this.#values.get(name) as readonly string[]) : [];
    this.#begun.add(name);
    // An empty line of a list adds nothing, as in watchdog(8); `none` also forgets what stands above it.
    if (text === "" || text === "none") {
      this.#values.set(name, text === "" ? others : []);
      scope.last.delete(name);
      return undefined;
    }
    const item = parseValue(key, text);
    if (typeof item !== "string") return `${name}: '${shorten(text)}' is ${(item as { problem: string }).problem}`;
    const id = idOf(name, item);
    if (scope.lines.has(id)) return `${name}: '${shorten(text)}' is given twice; keep one`;
    scope.lines.set(id, at);
    scope.last.set(name, item);
    if (others.includes(item)) return undefined; // in another file
    if (others.length === key.most) return `${name}: more than ${key.most} of them; keep that many`;
    this.#values.set(name, [...others, item]);
    if (key.type === "paths") this.#takeProgram(key, item, at, scope);
    return undefined;
  }

  #takeProgram(key: Key & MaybeProgram, path: string, at: number, { file }: Scope): void {
    if (key.program && path !== "none") this.#programs.push({ origin: `${file}:${at}: ${key.name}`, path });
  }

  #include(path: string, scope: Scope): string | undefined {
    if (!path.startsWith("/") || path.length >= MAX_TEXT) return `include: '${shorten(path)}' is not ${PATH_FORM}`;
    const found = this.#find(path);
    // A folder may be missing, a file may not: the slash at its end tells what was meant.
    if ("missing" in found && found.missing && path.endsWith("/")) return undefined;
    if (!("names" in found)) return this.#includeFile(path, found, scope);
    const names = found.names.filter((name) => name.endsWith(".conf") && !name.startsWith("."));
    for (const name of names.sort()) {
      const file = path.endsWith("/") ? `${path}${name}` : `${path}/${name}`;
      const problem = this.#includeFile(file, this.#find(file), scope);
      if (problem !== undefined) return problem;
    }
    return undefined;
  }

  #includeFile(file: string, found: Found, { above }: Scope): string | undefined {
    const problem = (text: string) => `include: ${shorten(file)}: ${text}`;
    if ("problem" in found) return problem(found.problem);
    if ("names" in found) return problem("a folder in a folder; include it by itself");
    if (above.includes(file)) return problem("it includes itself");
    if (above.length > MAX_DEPTH) return problem(`more than ${MAX_DEPTH} includes deep`);
    if (this.#files === MAX_FILES) return problem(`more than ${MAX_FILES} files`);
    if (this.#size + found.text.length > MAX_SIZE) return problem(`more than ${MAX_SIZE / 1024} KiB in all`);
    this.takeFile(found.text, file, above);
    return undefined;
  }
}

const PATH_FORM = `an absolute path of less than ${MAX_TEXT} characters`;

/** A name of its own for what belongs to one item of a list; no setting has a zero byte in it. */
function idOf(name: string, item: string): string {
  return `${name}\0${item}`;
}

function parseValue(
  key: Exclude<Key, { type: "retired" }>,
  text: string,
): number | string | boolean | { problem: string } {
  switch (key.type) {
    case "number":
    case "attribute": {
      const digits = withoutComment(text);
      const number = isPlainDecimal(digits) ? Number(digits) : Number.NaN;
      const legal = number >= key.min && number <= key.max && !(key.whole && number % 1 !== 0);
      const kind = key.whole ? "whole number" : "number";
      return legal ? number : { problem: `not a ${kind} from ${key.min} to ${key.max} (${key.unit})` };
    }
    case "switch": {
      const word = withoutComment(text).toLowerCase();
      return word === "yes" || word === "no" ? word === "yes" : { problem: "neither 'yes' nor 'no'" };
    }
    case "choice": {
      const word = withoutComment(text).toLowerCase();
      return key.options.includes(word) ? word : { problem: `not one of ${key.options.join(", ")}` };
    }
    case "texts": {
      const problem = text.length < MAX_TEXT ? key.problemWith(text) : `longer than ${MAX_TEXT} characters`;
      return problem === undefined ? text : { problem };
    }
    default: {
      if (text.startsWith("/") && text.length < MAX_TEXT) return withoutSlashes(text);
      const word = "word" in key ? key.word : undefined;
      if (text === "" || text === "none") return "none";
      return text === word
        ? text
        : { problem: `neither ${word === undefined ? "" : `'${word}', `}'none' nor ${PATH_FORM}` };
    }
  }
}

/** `24 # for now` is `24`; watchdog(8), too, reads a number only as far as it is one. */
function withoutComment(text: string): string {
  const at = text.indexOf("#");
  return at === -1 ? text : text.slice(0, at).trim();
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
