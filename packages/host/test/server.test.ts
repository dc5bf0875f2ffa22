/** The daemon's HTTP API on a real socket, over incidents that are made up. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { run } from "@bernard/tools";
import { HostClient } from "../src/api/client.ts";
import { type ApiHost, apiServer, listenAt } from "../src/api/server.ts";
import { SUMMARY } from "../src/evidence/export.ts";

async function served(t: TestContext, host: Partial<ApiHost>) {
  const dir = mkdtempSync(join(tmpdir(), "bernard-api-"));
  t.after(() => rmSync(dir, { recursive: true }));
  const server = await apiServer(host as ApiHost, "0.1.0");
  const socket = join(dir, "host.sock");
  await listenAt(server, socket);
  t.after(() => server.close());
  return { dir, socket, server, client: new HostClient(socket) };
}

test("a guest's name may be as long as libvirt lets it be, in any alphabet", async (t) => {
  const muted: string[] = [];
  const { client } = await served(t, { mute: (guest) => muted.push(guest) > 0 });
  for (const name of ["a/b", "😀".repeat(220), "%2F", "..", "web 1?x#y"]) {
    await client.send("PUT", `/v1/guests/${encodeURIComponent(name)}/mute`, { seconds: 60 });
    assert.equal(muted.at(-1), name);
  }
});

test("an archive begins with its summary, and what is under way is gone when it is over", async (t) => {
  const { promise: removed, resolve } = Promise.withResolvers<void>();
  const { dir, client } = await served(t, {
    exportDirectory: async () => ({ dir: join(dir, "export"), remove: async () => resolve() }),
  });
  mkdirSync(join(dir, "export/fire"), { recursive: true });
  writeFileSync(join(dir, "export", SUMMARY), "an incident");
  writeFileSync(join(dir, "export/fire/a"), "");
  const chunks: Buffer[] = [];
  for await (const chunk of await client.stream("/v1/incidents/1/archive")) chunks.push(chunk);
  writeFileSync(join(dir, "a.tar.gz"), Buffer.concat(chunks));
  const listed = String(await run("tar", ["-tzf", join(dir, "a.tar.gz")]));
  assert.deepEqual(listed.trim().split("\n"), [SUMMARY, "fire/", "fire/a"]);
  await removed;
});

test("an archive that cannot be finished breaks off", async (t) => {
  const { dir, client } = await served(t, {
    exportDirectory: async () => ({ dir, remove: async () => {} }), // it has no summary
  });
  await assert.rejects(async () => {
    for await (const _ of await client.stream("/v1/incidents/1/archive"));
  });
  const path = process.env.PATH;
  process.env.PATH = "/nowhere";
  try {
    await assert.rejects(async () => {
      for await (const _ of await client.stream("/v1/incidents/1/archive"));
    });
  } finally {
    process.env.PATH = path;
  }
  assert.equal(statSync(dir).isDirectory(), true);
});

test("a client that sends half a request, or reads no answer, keeps the daemon from nothing", async (t) => {
  const { socket, server } = await served(t, {});
  const client = connect(socket);
  client.on("error", () => {});
  await new Promise<void>((resolve) => client.once("connect", resolve));
  client.write(
    "PUT /v1/guests/a/mute HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{",
  );
  await new Promise((resolve) => setImmediate(resolve));
  await server.close();
  client.destroy();
});

for (const [what, type, body, status] of [
  ["a form", "application/x-www-form-urlencoded", "seconds=60", 415],
  ["no JSON", "application/json", "{", 400],
  ["nothing", "application/json", "", 400],
  ["an array", "application/json", "[60]", 400],
  ["a further key", "application/json", '{"seconds":60,"and":1}', 400],
  ["too much", "application/json", `{"seconds":60,"and":"${"x".repeat(5000)}"}`, 413],
] as const) {
  test(`a mute with ${what} is refused with ${status}`, async (t) => {
    const { server } = await served(t, { mute: () => assert.fail("it was muted") });
    const answer = await server.inject({
      method: "PUT",
      url: "/v1/guests/a/mute",
      headers: { "content-type": type },
      payload: body,
    });
    assert.equal(answer.statusCode, status);
  });
}
