/** Undoes what must not outlive this process, however it ends short of SIGKILL. */

const undone = new Set<() => void>();
const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Calls `undo` when the process ends, once; the returned function takes that back. */
export function atProcessEnd(undo: () => void): () => void {
  if (undone.size === 0) listen();
  undone.add(undo);
  return () => {
    undone.delete(undo);
    if (undone.size === 0) unlisten();
  };
}

function listen(): void {
  unlisten(); // after a signal that somebody else has answered we listen still
  process.on("exit", undoAll);
  for (const signal of signals) process.on(signal, onSignal);
}

function unlisten(): void {
  process.off("exit", undoAll);
  for (const signal of signals) process.off(signal, onSignal);
}

/** A failure to undo one thing must not keep the others, and there is nobody left to hear of it. */
function undoAll(): void {
  for (const undo of undone) {
    undone.delete(undo);
    try {
      undo();
    } catch {}
  }
}

/** A listener takes the signal's own effect away; where nobody else listens we put it back. */
function onSignal(signal: NodeJS.Signals): void {
  undoAll();
  if (process.listenerCount(signal) > 1) return;
  process.off(signal, onSignal);
  process.kill(process.pid, signal);
}
