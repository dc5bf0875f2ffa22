/** The daemon as its clients see it: light, for commands that only ask. */
export { HostClient } from "./api/client.ts";
export { INCIDENTS_MAX, MUTE_MAX_S } from "./api/limits.ts";
export type { IncidentView } from "./api/server.ts";
export type { DaemonState, GuestView, ReportView, StatusView } from "./daemon/views.ts";
export type { KeptIncident } from "./journal/journal.ts";

/** The daemon's socket where its configuration says nothing else. */
export const HOST_SOCKET = "/run/bernard/host.sock";
