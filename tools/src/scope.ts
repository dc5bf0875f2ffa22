/** What is made for a measurement goes with it, the last first. */
export interface Scope {
  after(undo: () => unknown): void;
}

export async function withScope<T>(work: (scope: Scope) => Promise<T>): Promise<T> {
  const undone: (() => unknown)[] = [];
  try {
    return await work({ after: (undo) => void undone.unshift(undo) });
  } finally {
    for (const undo of undone) await undo();
  }
}
