/** What host.yaml may say, key by key, as its schema has it: for the sample configuration and the manual page. */
import { stringify } from "yaml";
import { z } from "zod";
import { hostSchema } from "./config-schema.ts";

/** A key, or a section of keys. */
export interface ConfigKey {
  readonly name: string;
  readonly help: string;
  /** The legal values, in words; empty where the example says it all. */
  readonly legal: string;
  /** The default as it is written; undefined where the key is not set. */
  readonly fallback: string | undefined;
  /** A value as it may be written; undefined for a section. */
  readonly example: string | undefined;
  /** Of a section. */
  readonly keys: readonly ConfigKey[];
}

/** A kind of receiver of alerts, with the keys that it has. */
export interface ReceiverKind {
  readonly help: string;
  readonly keys: readonly { readonly name: string; readonly example: string }[];
}

/** Metadata that the schema carries. */
interface Meta {
  readonly description?: string;
  readonly legal?: string;
  readonly example?: unknown;
  readonly units?: Readonly<Record<string, number>>;
}

export const configKeys = (): readonly ConfigKey[] => keysOf(hostSchema);

export function receiverKinds(): readonly ReceiverKind[] {
  const { valueType } = hostSchema.shape.alerts.unwrap();
  return valueType.options.map((kind) => ({
    help: metaOf(kind).description ?? "",
    keys: Object.entries(kind.shape).map(([name, schema]) => ({
      name,
      example: written(schema instanceof z.ZodLiteral ? schema.value : metaOf(schema).example),
    })),
  }));
}

function keysOf(section: z.ZodObject): ConfigKey[] {
  return Object.entries(section.shape).map(([name, schema]) => {
    const { description: help = "", legal, example } = { ...metaOf(inner(schema)), ...metaOf(schema) };
    const type = inner(schema);
    if (schema instanceof z.ZodPrefault && type instanceof z.ZodObject) {
      return { name, help, legal: "", fallback: undefined, example: undefined, keys: keysOf(type) };
    }
    const fallback = schema instanceof z.ZodDefault ? measured(type, schema.def.defaultValue) : undefined;
    return {
      name,
      help,
      legal: legal ?? legalOf(type),
      fallback,
      example: example === undefined ? fallback : written(example),
      keys: [],
    };
  });
}

const metaOf = (schema: z.core.$ZodType): Meta => (z.globalRegistry.get(schema) ?? {}) as Meta;

/** A schema without its default. */
function inner(schema: z.core.$ZodType): z.core.$ZodType {
  const isWrapped =
    schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault || schema instanceof z.ZodOptional;
  return isWrapped ? schema.unwrap() : schema;
}

function legalOf(type: z.core.$ZodType): string {
  if (type instanceof z.ZodBoolean) return "true or false";
  if (type instanceof z.ZodNumber) {
    const { minValue, maxValue } = type;
    const most = maxValue === null || maxValue >= Number.MAX_SAFE_INTEGER ? "" : ` to ${maxValue}`;
    return most === "" ? `${minValue} or more` : `${minValue}${most}`;
  }
  if (!(type instanceof z.ZodObject)) return "";
  return Object.entries(type.shape)
    .map(([name, schema]) => `${name}: ${metaOf(schema).legal ?? legalOf(schema)}`)
    .join("; ");
}

/** A default in the units that a person writes it in: 90000 as `90 s`. */
function measured(type: z.core.$ZodType, value: unknown): string {
  if (type instanceof z.ZodObject) {
    const parts = Object.entries(type.shape).map(([name, schema]) => {
      return `${name}: ${measured(schema, (value as Readonly<Record<string, unknown>>)[name])}`;
    });
    return `{ ${parts.join(", ")} }`;
  }
  const units = Object.entries(metaOf(type).units ?? {}).toReversed();
  if (units.length === 0) return written(value);
  const [unit, factor] = units.find(([, each]) => Number(value) % each === 0)!;
  return `${Number(value) / factor} ${unit}`;
}

/** As YAML in one line. */
function written(value: unknown): string {
  return stringify(value, { collectionStyle: "flow", lineWidth: 0, flowCollectionPadding: false }).trim();
}
