/** Reads the configuration; what is wrong in it is told with its file, line and key. */
import { readFile } from "node:fs/promises";
import { errorCode, UserError } from "@bernard/tools";
import { LineCounter, parseDocument } from "yaml";
import { z } from "zod";
import { configKeys, receiverKinds } from "./config-keys.ts";
import { type HostConfig, hostSchema } from "./config-schema.ts";

/** @throws UserError, exit code 2, with the file, the line and the key of the first thing that is wrong */
export async function readConfig(file: string): Promise<HostConfig> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    if (errorCode(error) === "ENOENT")
      throw new UserError(`there is no ${file}`, "leave --config out for the defaults", 2);
    throw new UserError(
      `the configuration cannot be read: ${error instanceof Error ? error.message : error}`,
      undefined,
      2,
    );
  }
  return parseConfig(text, file);
}

/** @param file for messages */
export function parseConfig(text: string, file: string): HostConfig {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const lineOf = (offset: number) => `${file}:${lines.linePos(offset).line}`;
  const [spoiled] = document.errors;
  if (spoiled !== undefined) throw new UserError(`${lineOf(spoiled.pos[0])}: ${spoiled.message}`, undefined, 2);
  const found = hostSchema.safeParse(document.toJS() ?? {});
  if (found.success) return found.data;
  const { path, message, at } = complaint(found.error.issues[0]!);
  throw new UserError(`${lineOf(offsetOf(document, at))}: ${path.join(".") || "the file"}: ${message}`, undefined, 2);
}

interface Complaint {
  /** The key that it is about, and where that stands. */
  readonly path: readonly string[];
  readonly at: readonly PropertyKey[];
  readonly message: string;
}

function complaint(issue: z.core.$ZodIssue): Complaint {
  const path = issue.path.map(String);
  if (issue.code === "unrecognized_keys") {
    const [key = ""] = issue.keys;
    return {
      path: [...path, key],
      at: [...issue.path, key],
      message: `no such key; the keys here are ${keysAt(path)}`,
    };
  }
  const { code, message } = issue.code === "invalid_key" ? (issue.issues[0] ?? issue) : issue;
  return { path, at: issue.path, message: (OWN_WORDS.has(code) && legalAt(path)) || message };
}

/** What the schema has no message for: zod's own words are a programmer's. */
const OWN_WORDS: ReadonlySet<string> = new Set(["invalid_type", "invalid_union", "too_small", "too_big"]);

/** What may be written there; undefined where the schema does not say. */
function legalAt(path: readonly string[]): string | undefined {
  const keys = keysAt(path);
  if (keys !== "") return `write keys and their values; the keys here are ${keys}`;
  if (path[0] === "alerts") {
    const examples = receiverKinds().flatMap(({ keys }) => keys.filter(({ name }) => name === path[2]));
    return `write ${examples.map(({ example }) => example).join(", ")}`;
  }
  const found = configKeys().find(({ name }) => name === path[0]);
  const key = found?.keys.find(({ name }) => name === path[1]) ?? found;
  return key && `write ${key.legal}, such as ${key.example}`;
}

/** The keys of a section, for people; empty where none are known. */
function keysAt(path: readonly string[]): string {
  if (path[0] === "alerts" && path.length === 1) return "names of your own";
  if (path[0] === "alerts" && path.length === 2) {
    const written = ({ name, example }: { name: string; example: string }) =>
      name === "type" ? `type: ${example}` : name;
    return receiverKinds()
      .map(({ keys }) => keys.map(written).join(", "))
      .join("; or ");
  }
  let schema: unknown = hostSchema;
  for (const key of path) schema = shapeOf(schema)?.[key];
  return Object.keys(shapeOf(schema) ?? {}).join(", ");
}

/** The keys of an object's schema, defaults taken off. */
function shapeOf(schema: unknown): Readonly<Record<string, unknown>> | undefined {
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault) return shapeOf(schema.unwrap());
  return schema instanceof z.ZodObject ? schema.shape : undefined;
}

/** Where a key, or the nearest thing around it that is written, stands. */
function offsetOf(document: ReturnType<typeof parseDocument>, path: readonly PropertyKey[]): number {
  for (let length = path.length; length > 0; length--) {
    const parent = length === 1 ? document.contents : document.getIn(path.slice(0, length - 1), true);
    const items: unknown = (parent as { items?: unknown } | null)?.items;
    if (!Array.isArray(items)) continue;
    const pair = items.find((item) => String(item?.key?.value) === String(path[length - 1]));
    const range: unknown = pair?.key?.range ?? items[Number(path[length - 1])]?.range;
    if (Array.isArray(range)) return Number(range[0]);
  }
  return 0;
}
