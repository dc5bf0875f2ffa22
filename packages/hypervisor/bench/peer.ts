/** python3-libvirt beside us: the same work on the same socket, timed where it is done. */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Scope } from "@bernard/tools";

export interface Peer {
  /** Milliseconds of one of `count` times the work, one after the other; see peer.py. */
  time(what: "call" | "list" | "list-one-by-one", count: number): Promise<number>;
}

export function startPeer(scope: Scope, uri: string): Peer {
  const child = spawn("/usr/bin/python3", [join(import.meta.dirname, "peer.py"), uri], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  scope.after(() => void child.kill());
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    async time(what, count) {
      child.stdin.write(`${what} ${count}\n`);
      const { value, done } = await lines.next();
      if (done === true) throw new Error("python3-libvirt has ended");
      return Number(value) / 1e6;
    },
  };
}
