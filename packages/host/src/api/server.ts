/** The daemon's HTTP API: on a UNIX socket, for those whom its file's mode lets in. */
import { chmod, rm } from "node:fs/promises";
import swagger from "@fastify/swagger";
import { type FastifyInstance, type FastifyReply, fastify } from "fastify";
import type { GuestView, ReportView, StatusView } from "../daemon/views.ts";
import type { EvidenceFile } from "../evidence/evidence-store.ts";
import { archive, type ExportDirectory } from "../evidence/export.ts";
import type { IncidentFilter, KeptIncident } from "../journal/journal.ts";
import { INCIDENTS_MAX, MUTE_MAX_S } from "./limits.ts";

/** An incident with what is kept of it. */
export interface IncidentView extends KeptIncident {
  readonly evidence: readonly EvidenceFile[];
}

/** What the API needs of the daemon. Times in milliseconds since 1970. */
export interface ApiHost {
  status(): StatusView;
  guests(): readonly GuestView[];
  report(since: number): ReportView;
  incidents(filter: IncidentFilter): readonly KeptIncident[];
  incident(id: number): Promise<IncidentView | undefined>;
  /** Writes a summary and gives the directory that holds it all; undefined where there is no such incident. */
  exportDirectory(id: number): Promise<ExportDirectory | undefined>;
  /** `until` 0 unmutes. False: no such guest. */
  mute(nameOrUuid: string, until: number): boolean;
  metrics(): Promise<{ readonly text: string; readonly contentType: string }>;
}

const integer = { type: "integer", minimum: 0 } as const;
const nameParameter = {
  type: "object",
  required: ["guest"],
  properties: { guest: { type: "string", maxLength: 1024 } },
};
const idParameter = { type: "object", required: ["id"], properties: { id: integer } };

export async function apiServer(host: ApiHost, version: string): Promise<FastifyInstance> {
  const server = fastify({
    bodyLimit: 4096,
    ajv: { customOptions: { coerceTypes: true, removeAdditional: false } },
    // Of a guest's name, as it is spelled in an address: 220 characters of any alphabet.
    routerOptions: { maxParamLength: 220 * 12 },
    forceCloseConnections: true, // a client that does not read keeps nobody from ending
  });
  await server.register(swagger, { openapi: { info: { title: "bernard host", version } } });

  server.get("/v1/status", { schema: { summary: "The daemon, and what is open now" } }, () => host.status());
  server.get("/v1/guests", { schema: { summary: "Every guest" } }, () => host.guests());
  server.get<{ Querystring: { since?: number } }>(
    "/v1/report",
    {
      schema: {
        summary: "What happened since a time",
        querystring: { type: "object", properties: { since: integer } },
      },
    },
    ({ query }) => host.report(query.since ?? Date.now() - 86_400_000),
  );
  server.get<{ Querystring: IncidentFilter }>(
    "/v1/incidents",
    {
      schema: {
        summary: "Incidents, the newest first",
        querystring: {
          type: "object",
          properties: {
            since: integer,
            guest: { type: "string", maxLength: 1024 },
            limit: { ...integer, maximum: INCIDENTS_MAX },
          },
        },
      },
    },
    ({ query }) => host.incidents(query),
  );
  server.get<{ Params: { id: number } }>(
    "/v1/incidents/:id",
    { schema: { summary: "One incident, with what is kept of it", params: idParameter } },
    async ({ params }, reply) =>
      (await host.incident(params.id)) ?? notFound(reply, `there is no incident ${params.id}`),
  );
  server.get<{ Params: { id: number } }>(
    "/v1/incidents/:id/archive",
    { schema: { summary: "All that is kept of an incident, as tar.gz with a summary", params: idParameter } },
    async ({ params }, reply) => {
      const found = await host.exportDirectory(params.id);
      if (found === undefined) return notFound(reply, `there is no incident ${params.id}`);
      return reply.type("application/gzip").send(await archive(found));
    },
  );
  server.put<{ Params: { guest: string }; Body: { seconds: number } }>(
    "/v1/guests/:guest/mute",
    {
      schema: {
        summary: "Keep a guest's incidents, and alert nobody, for a time",
        params: nameParameter,
        body: {
          type: "object",
          required: ["seconds"],
          additionalProperties: false,
          properties: { seconds: { type: "integer", minimum: 1, maximum: MUTE_MAX_S } },
        },
      },
    },
    ({ params, body }, reply) => muted(host, params.guest, Date.now() + body.seconds * 1000, reply),
  );
  server.delete<{ Params: { guest: string } }>(
    "/v1/guests/:guest/mute",
    { schema: { summary: "End a mute", params: nameParameter } },
    ({ params }, reply) => muted(host, params.guest, 0, reply),
  );
  server.get("/metrics", { schema: { summary: "For Prometheus" } }, async (_, reply) => sendMetrics(host, reply));
  server.get("/openapi.json", { schema: { hide: true } }, () => server.swagger());
  return server;
}

/** Listens at a path that nobody else listens at: the journal lets one daemon in. */
export async function listenAt(server: FastifyInstance, path: string): Promise<void> {
  await rm(path, { force: true });
  await server.listen({ path });
  await chmod(path, 0o660);
}

/** Only the metrics, on a TCP port: they may be read by whoever reaches it, the rest not. */
export async function metricsServer(host: ApiHost, address: string): Promise<FastifyInstance> {
  const server = fastify({ forceCloseConnections: true });
  server.get("/metrics", async (_, reply) => sendMetrics(host, reply));
  const colon = address.lastIndexOf(":");
  await server.listen({
    host: address.slice(0, colon).replace(/^\[(.*)\]$/, "$1"),
    port: Number(address.slice(colon + 1)),
  });
  return server;
}

async function sendMetrics(host: ApiHost, reply: FastifyReply) {
  const { text, contentType } = await host.metrics();
  return reply.type(contentType).send(text);
}

function muted(host: ApiHost, guest: string, until: number, reply: FastifyReply) {
  if (!host.mute(guest, until)) return notFound(reply, `there is no guest ${guest}`);
  return reply.code(204).send();
}

function notFound(reply: FastifyReply, message: string) {
  return reply.code(404).send({ statusCode: 404, error: "Not Found", message });
}
