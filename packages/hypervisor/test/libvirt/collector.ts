/** Collects what a watch tells, for a test to take one by one. */
import type { WatchMessage } from "../../src/libvirt/watch.ts";

export function collector<M extends { readonly type: string } = WatchMessage>() {
  /** What has not been taken. */
  const told: M[] = [];
  let wake = () => {};
  const listener = (message: M) => {
    told.push(message);
    wake();
  };
  /** The first of that type, or of any, that has not been taken yet. */
  const next = async <T extends M["type"]>(type?: T): Promise<Extract<M, { readonly type: T }>> => {
    for (;;) {
      const place = told.findIndex((message) => type === undefined || message.type === type);
      if (place >= 0) return told.splice(place, 1)[0] as Extract<M, { readonly type: T }>;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
  return { told, listener, next };
}
