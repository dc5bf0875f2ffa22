/** Collects what a watch tells, for a test to take one by one. */
import type { WatchMessage } from "../../src/libvirt/watch.ts";

export function collector() {
  /** What has not been taken. */
  const told: WatchMessage[] = [];
  let wake = () => {};
  const listener = (message: WatchMessage) => {
    told.push(message);
    wake();
  };
  /** The first of that type, or of any, that has not been taken yet. */
  const next = async (type?: WatchMessage["type"]): Promise<WatchMessage> => {
    for (;;) {
      const place = told.findIndex((message) => type === undefined || message.type === type);
      if (place >= 0) return told.splice(place, 1)[0]!;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
  return { told, listener, next };
}
