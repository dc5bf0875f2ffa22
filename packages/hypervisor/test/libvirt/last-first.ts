/** Cleaning up after a test in the opposite order: what was made last goes first, so that it finds what it was made with. */
import type { Scope } from "@bernard/tools";

type Undo = () => unknown;

const stacks = new WeakMap<object, Undo[]>();

export function lastFirst(t: Scope, undo: Undo): void {
  const stack = stacks.get(t);
  if (stack !== undefined) {
    stack.push(undo);
    return;
  }
  const fresh = [undo];
  stacks.set(t, fresh);
  t.after(async () => {
    for (const each of fresh.toReversed()) await each();
  });
}
