/** A guest's memory as an ELF core, written by QEMU while the guest stands. */
import { lstat } from "node:fs/promises";
import { isAbsolute } from "node:path";
import { printable } from "@bernard/protocol";
import { HypervisorError } from "../errors.ts";
import type { QmpClient } from "./qmp-client.ts";
import { recordOf, textOf } from "./qmp-values.ts";

/** QEMU cannot be told to give up: when `limit` aborts, it goes on. */
export async function dumpMemory(what: string, client: QmpClient, file: string, limit: AbortSignal): Promise<void> {
  if (!isAbsolute(file)) throw new HypervisorError("failed", printable(`${what}: ${file} is no absolute path`));
  if (await isThere(file)) {
    const hint = "name one that is not there: QEMU would overwrite it";
    throw new HypervisorError("failed", printable(`${what}: ${file} is there already`), { hint });
  }
  const over = new AbortController();
  const signal = AbortSignal.any([limit, over.signal]);
  try {
    const { running } = recordOf(await client.execute("query-status", {}, { signal }));
    const asked = { paging: false, protocol: `file:${file}`, detach: true };
    const [{ data }] = await Promise.all([
      client.waitFor("DUMP_COMPLETED", { signal }),
      running === true ? client.waitFor("RESUME", { signal }) : undefined,
      client.execute("dump-guest-memory", asked, { signal }),
    ]);
    if (recordOf(data.result).status === "completed") return;
    const why = textOf(data.error) ?? "QEMU does not say why";
    throw new HypervisorError("failed", printable(`${what}: ${why}`), { hint: "see whether there is room for it" });
  } finally {
    over.abort();
  }
}

async function isThere(file: string): Promise<boolean> {
  return await lstat(file).then(
    () => true,
    () => false,
  );
}
