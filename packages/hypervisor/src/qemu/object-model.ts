/** QEMU's tree of objects, read. */
import type { Monitor } from "../fire-mark.ts";
import { recordsOf, textOf } from "./qmp-values.ts";

export interface QemuObject {
  readonly path: string;
  /** `i6300esb`, `virtserialport`... */
  readonly type: string;
}

/** What is directly below `paths`: `child<i6300esb>` is one, a property that is no object is none. */
export async function objectsIn(ask: Monitor, paths: readonly string[]): Promise<QemuObject[]> {
  const lists = await Promise.all(
    paths.map(async (path) =>
      recordsOf(await ask("qom-list", { path })).map(({ name, type }) => ({
        path: `${path}/${textOf(name)}`,
        type: /^child<(.*)>$/.exec(textOf(type) ?? "")?.[1],
      })),
    ),
  );
  return lists.flat().filter((object): object is QemuObject => object.type !== undefined);
}
