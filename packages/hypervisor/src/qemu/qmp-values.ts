/** Takes values out of what a monitor says, whatever it says. */

export type QmpRecord = Readonly<Record<string, unknown>>;

const isRecord = (value: unknown): value is QmpRecord =>
  typeof value === "object" && value !== null && !Array.isArray(value);

export const recordOf = (value: unknown): QmpRecord => (isRecord(value) ? value : {});

export const recordsOf = (value: unknown): readonly QmpRecord[] => (Array.isArray(value) ? value.filter(isRecord) : []);

/** Undefined for what is no text, and for none. */
export const textOf = (value: unknown): string | undefined =>
  typeof value === "string" && value !== "" ? value : undefined;

export const countOf = (value: unknown): number => (typeof value === "number" && value >= 0 ? value : 0);
