/** What keeps the host daemon from seeing or keeping all, a line each: a page that tells of nothing else must tell of this. */
import type { DaemonState } from "@bernard/host/client";

export function daemonTrouble({ isConnected, journalTrouble, corruptJournals }: DaemonState): string[] {
  const corrupt = (file: string) =>
    `A JOURNAL WAS CORRUPT, its incidents are not here: move ${file} away, or delete it`;
  return [
    ...(isConnected ? [] : ["NOT CONNECTED: what happens now is found when the hypervisor is heard again"]),
    ...(journalTrouble === null
      ? []
      : [`THE JOURNAL IS NOT WRITTEN, the newest incidents are not here: ${journalTrouble}`]),
    ...corruptJournals.map(corrupt),
  ];
}
