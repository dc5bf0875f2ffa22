/** Collects what a watch tells, for a test to take one by one. */
import type { WatchMessage } from "../../src/libvirt/watch.ts";

export function collector<M extends { readonly type: string } = WatchMessage>() {
  /** What has not been taken. */
  const told: M[] = [];
  let wake = Promise.withResolvers<void>();
  const listener = (message: M) => {
    told.push(message);
    wake.resolve();
    wake = Promise.withResolvers();
  };
  /** The first that matches and has not been taken yet. */
  const nextWhere = async (matches: (message: M) => boolean): Promise<M> => {
    for (;;) {
      const place = told.findIndex(matches);
      if (place >= 0) return told.splice(place, 1)[0]!;
      await wake.promise;
    }
  };
  /** The same by type, or of any. */
  const next = async <T extends M["type"]>(type?: T): Promise<Extract<M, { readonly type: T }>> =>
    (await nextWhere((message) => type === undefined || message.type === type)) as Extract<M, { readonly type: T }>;
  return { told, listener, next, nextWhere };
}
