/** One fact about a device, and a script that shows it. */
export interface Vector {
  /** What the fact is about; a chapter of docs/devices.md. */
  readonly about: string;
  readonly fact: string;
  readonly script: string;
  /** True of QEMU up to 10.1, or from 10.2 on, only. */
  readonly only?: "before-10.2" | "10.2";
}

/** Rows of one chapter. */
export function chapter(about: string, rows: readonly (readonly [string, string, Vector["only"]?])[]): Vector[] {
  return rows.map(([fact, script, only]) => ({ about, fact, script, ...(only === undefined ? {} : { only }) }));
}
