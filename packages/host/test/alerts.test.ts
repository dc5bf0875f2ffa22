/** Alerts on their way to real receivers on loopback. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { chmodSync, mkdtempSync, readFileSync, rmSync, watch, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { type AddressInfo, createServer as createTcp, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { createSecureContext, TLSSocket } from "node:tls";
import { ensureInstalled, run } from "@bernard/tools";
import { pino } from "pino";
import { AlertSender } from "../src/alerts/alert-sender.ts";
import type { Receiver } from "../src/config-schema.ts";
import { systemClock } from "../src/daemon/clock.ts";
import type { Effect, Sign } from "../src/engine/incident.ts";
import type { Journal } from "../src/journal/journal.ts";
import { openJournal } from "../src/journal/open-journal.ts";

const UUID = "5a9f5bcf-e189-414a-9a2f-eff3117dd7e3";

function world(t: TestContext, receivers: Record<string, Receiver>) {
  const dir = mkdtempSync(join(tmpdir(), "bernard-alerts-"));
  const { journal } = openJournal(dir, new Date());
  const sender = new AlertSender(
    journal,
    new Map(Object.entries(receivers)),
    "node7",
    systemClock,
    pino({ level: "silent" }),
  );
  t.after(() => {
    sender.stop();
    journal.close();
    rmSync(dir, { recursive: true });
  });
  return { dir, journal, sender };
}

/** An incident with one sign, and its alert queued for each receiver. */
function incident(
  journal: Journal,
  receivers: readonly string[],
  { id = 1, name = "web-1", detail = "its watchdog fired", uuid = UUID } = {},
) {
  const sign: Sign = { sign: "fire", at: 0, detail };
  const opened = { id, uuid, name, signs: [sign], lastSignAt: 0 };
  journal.commit(
    [
      { type: "open", incident: opened },
      { type: "alert", id, sign },
    ],
    [],
    receivers,
    () => Date.now(),
  );
}

async function webhook(
  t: TestContext,
  answer: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<string> {
  const server = createServer(answer).listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

async function bodyOf(request: IncomingMessage): Promise<Record<string, unknown>> {
  let text = "";
  for await (const chunk of request) text += chunk;
  return JSON.parse(text);
}

test("a webhook gets the alert as JSON, what the guest said escaped, with a key that is the same at every try", async (t) => {
  const { promise: heard, resolve } = Promise.withResolvers<{ body: unknown; key: unknown }>();
  let tries = 0;
  const url = await webhook(t, async (request, response) => {
    const body = await bodyOf(request);
    tries++;
    response.statusCode = tries === 1 ? 503 : 204;
    response.end();
    if (tries === 2) resolve({ body, key: request.headers["idempotency-key"] });
  });
  const { journal, sender } = world(t, { ops: { type: "webhook", url } });
  incident(journal, ["ops"], { name: "web\u001b[31m", detail: "disk:/: \u0007 gone" });
  sender.wake();
  const { body, key } = await heard;
  const { at, ...rest } = body as Record<string, unknown>;
  assert.match(String(at), /^\d{4}-\d\d-\d\dT/);
  assert.deepEqual(rest, {
    id: "node7/1/fire",
    host: "node7",
    incident: 1,
    guest: UUID,
    name: "web\\u{1b}[31m",
    sign: "fire",
    text: "web\\u{1b}[31m: disk:/: \\u{7} gone",
  });
  assert.equal(key, "node7/1/fire");
});

test("a webhook that hangs delays no other receiver", async (t) => {
  const { promise: asked, resolve: ask } = Promise.withResolvers<void>();
  let isGivenUp = false;
  const url = await webhook(t, (_, response) => {
    response.once("close", () => {
      isGivenUp = true;
    });
    ask();
  });
  const { promise: heard, resolve } = Promise.withResolvers<void>();
  const good = await webhook(t, (_, response) => {
    response.end();
    resolve();
  });
  const { journal, sender } = world(t, { dead: { type: "webhook", url }, good: { type: "webhook", url: good } });
  incident(journal, ["dead", "good"]);
  sender.wake();
  await Promise.all([asked, heard]);
  assert.equal(isGivenUp, false, "the other still waits");
});

test("what has arrived is not sent again where the journal could not be told", async (t) => {
  let posts = 0;
  const url = await webhook(t, (_, response) => {
    posts++;
    response.end();
  });
  const { journal, sender } = world(t, { ops: { type: "webhook", url } });
  const { promise: told, resolve } = Promise.withResolvers<void>();
  const alertDone = journal.alertDone.bind(journal);
  let tries = 0;
  journal.alertDone = (id) => {
    if (++tries === 1) throw new Error("database or disk is full");
    alertDone(id);
    resolve();
  };
  incident(journal, ["ops"]);
  sender.wake();
  await told;
  assert.deepEqual([posts, journal.nextAlertAt()], [1, undefined]);
});

test("an alert that failed 300 times is given up, loudly; its incident stays", async (t) => {
  const url = await webhook(t, (_, response) => response.writeHead(500).end());
  const { journal } = world(t, {});
  incident(journal, ["ops"]);
  const [alert] = journal.dueAlerts(Date.now());
  for (let tries = 1; tries < 300; tries++) journal.alertFailed(alert!.id, 0);
  const { promise: said, resolve } = Promise.withResolvers<string>();
  const log = pino({}, { write: (line: string) => resolve(JSON.parse(line).msg) });
  const sender = new AlertSender(journal, new Map([["ops", { type: "webhook", url }]]), "node7", systemClock, log);
  t.after(() => sender.stop());
  sender.wake();
  assert.equal(await said, `an alert is given up: ${new URL(url).host} answered 500`);
  assert.deepEqual([journal.nextAlertAt(), journal.incidents().length], [undefined, 1]);
});

test("a command gets the alert on its standard input; one that fails is tried again", async (t) => {
  const { dir, journal } = world(t, {});
  const script = join(dir, "told");
  writeFileSync(
    script,
    `#!/bin/sh\necho "$1" >> ${dir}/args\n[ $(wc -l < ${dir}/args) -gt 1 ] || exit 3\ncat > ${dir}/new && mv ${dir}/new ${dir}/alert\n`,
  );
  chmodSync(script, 0o755);
  const receivers = new Map<string, Receiver>([["pager", { type: "command", run: [script, "$(reboot)"] }]]);
  const sender = new AlertSender(journal, receivers, "node7", systemClock, pino({ level: "silent" }));
  t.after(() => sender.stop());
  const { promise: told, resolve } = Promise.withResolvers<void>();
  const watcher = watch(dir, (_, name) => name === "alert" && resolve());
  t.after(() => watcher.close());
  incident(journal, ["pager"]);
  sender.wake();
  await told;
  assert.equal(JSON.parse(readFileSync(join(dir, "alert"), "utf8")).text, "web-1: its watchdog fired");
  assert.equal(readFileSync(join(dir, "args"), "utf8"), "$(reboot)\n$(reboot)\n", "no shell reads its arguments");
});

test("a mail arrives by SMTP", async (t) => {
  const { promise: mail, resolve } = Promise.withResolvers<string>();
  const server = createTcp((socket) => {
    socket.write("220 test\r\n");
    smtp(socket, resolve);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const email: Receiver = {
    type: "email",
    server: `127.0.0.1:${port}`,
    from: "bernard@example.org",
    to: ["ops@example.org"],
  };
  const { journal, sender } = world(t, { mail: email });
  incident(journal, ["mail"], { name: "web\r\nBcc: x@example.org" });
  sender.wake();
  const text = await mail;
  assert.match(text, /^Subject: \[bernard\] node7: web\\u\{d\}\\u\{a\}Bcc: x@example.org: fire\r$/m);
  assert.doesNotMatch(text, /^Bcc:/m);
  assert.match(text, /bernard incident show 1/);
});

test("a mail arrives where the server's certificate is its own work, as on a Debian with Postfix", async (t) => {
  await ensureInstalled(["openssl"], (line) => t.diagnostic(line));
  const { dir } = world(t, {});
  const [key, cert] = [join(dir, "key.pem"), join(dir, "cert.pem")];
  const made = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", cert];
  await run("openssl", ["req", "-x509", "-subj", "/CN=localhost.localdomain", ...made]);
  const secureContext = createSecureContext({ key: readFileSync(key), cert: readFileSync(cert) });
  const { promise: mail, resolve } = Promise.withResolvers<string>();
  const server = createTcp((socket) => {
    socket.write("220 test\r\n");
    socket.setEncoding("utf8").on("data", function begin(text: string) {
      const isTls = /^STARTTLS/i.test(text);
      socket.write(isTls ? "220 go on\r\n" : "250-test\r\n250 STARTTLS\r\n");
      if (!isTls) return;
      socket.removeListener("data", begin);
      smtp(new TLSSocket(socket, { isServer: true, secureContext }), resolve);
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const [from, to] = ["bernard@example.org", ["ops@example.org"]];
  const { journal, sender } = world(t, { mail: { type: "email", server: `127.0.0.1:${port}`, from, to } });
  incident(journal, ["mail"]);
  sender.wake();
  assert.match(await mail, /^Subject: \[bernard\] node7: web-1: fire\r$/m);
});

/** As much of a mail server as one mail needs, after its greeting. */
function smtp(socket: Socket, done: (mail: string) => void): void {
  let mail: string | undefined;
  socket.setEncoding("utf8").on("data", (text: string) => {
    if (mail !== undefined) {
      mail += text;
      if (!mail.endsWith("\r\n.\r\n")) return;
      socket.write("250 ok\r\n");
      done(mail);
      mail = undefined;
      return;
    }
    if (/^DATA/i.test(text)) mail = "";
    socket.write(/^DATA/i.test(text) ? "354 go on\r\n" : /^QUIT/i.test(text) ? "221 bye\r\n" : "250 ok\r\n");
  });
}

test("the same of the same guest is told once within a while, and kept each time", (t) => {
  const { journal } = world(t, {});
  incident(journal, ["ops"], { id: 1 });
  incident(journal, ["ops"], { id: 2 });
  incident(journal, ["ops"], { id: 3, uuid: "another", name: "db-1" });
  assert.equal(journal.incidents().length, 3);
  const due = [];
  for (
    let [alert] = journal.dueAlerts(Date.now() + 1);
    alert !== undefined;
    [alert] = journal.dueAlerts(Date.now() + 1)
  ) {
    due.push(alert.incident);
    journal.alertDone(alert.id);
  }
  assert.deepEqual(due, [1, 3]);
});

test("thousands of alerts that nobody gets any more are done with, and the next goes out", async (t) => {
  const { promise: heard, resolve } = Promise.withResolvers<void>();
  const url = await webhook(t, (_, response) => {
    response.end();
    resolve();
  });
  const { journal, sender } = world(t, { ops: { type: "webhook", url } });
  const effects = Array.from({ length: 8000 }, (_, i): Effect[] => {
    const sign: Sign = { sign: "fire", at: 0, detail: "" };
    const opened = { id: i + 1, uuid: `${i}`, name: "web", signs: [sign], lastSignAt: 0 };
    return [
      { type: "open", incident: opened },
      { type: "alert", id: i + 1, sign },
    ];
  });
  journal.commit(effects.flat(), [], ["gone"], () => Date.now());
  incident(journal, ["gone", "ops"], { id: 8001 });
  sender.wake();
  await heard;
  assert.deepEqual(
    journal.dueAlerts(Date.now() + 1000).filter(({ receiver }) => receiver === "gone"),
    [],
  );
});

test("a calendar that is put back by a year holds up no alert", (t) => {
  const { journal } = world(t, {});
  const year = 365 * 86_400_000;
  const now = Date.now();
  incident(journal, ["ops"], { id: 1 });
  assert.deepEqual(
    journal.dueAlerts(now - year).map((alert) => alert.incident),
    [1],
  );
  const sign: Sign = { sign: "fire", at: now - year, detail: "" };
  const opened = { id: 2, uuid: UUID, name: "web-1", signs: [sign], lastSignAt: sign.at };
  journal.alertDone(journal.dueAlerts(Date.now())[0]!.id);
  const effects = [{ type: "open", incident: opened } as const, { type: "alert", id: 2, sign } as const];
  journal.commit(effects, [], ["ops"], (at) => at);
  assert.deepEqual(
    journal.dueAlerts(now - year).map((alert) => alert.incident),
    [2],
    "what was told in the year to come is told again",
  );
});

test("what is said of a webhook that fails does not hold the secret in its address", async (t) => {
  const url = await webhook(t, (_, response) => response.writeHead(500).end());
  const { journal } = world(t, {});
  const { promise: said, resolve } = Promise.withResolvers<string>();
  const log = pino({}, { write: resolve });
  const receivers = new Map<string, Receiver>([["ops", { type: "webhook", url: `${url}hooks/S3CRET` }]]);
  const sender = new AlertSender(journal, receivers, "node7", systemClock, log);
  t.after(() => sender.stop());
  incident(journal, ["ops"]);
  sender.wake();
  const line = await said;
  assert.match(line, /127\.0\.0\.1:\d+ answered 500/);
  assert.doesNotMatch(line, /S3CRET/);
});

test("of what fails the log says why, of what hangs how long it was waited for", async (t) => {
  const hangs = await webhook(t, () => {});
  const closed = createTcp().listen(0, "127.0.0.1");
  await once(closed, "listening");
  const refuses = `127.0.0.1:${(closed.address() as AddressInfo).port}`;
  await new Promise((resolve) => closed.close(resolve));
  const receivers: Record<string, Receiver> = {
    refuses: { type: "webhook", url: `http://${refuses}/S3CRET` },
    hangs: { type: "webhook", url: `${hangs}S3CRET` },
    waits: { type: "command", run: ["/bin/sleep", "1000"] },
    none: { type: "command", run: ["/nowhere"] },
  };
  const { journal } = world(t, {});
  const said = new Map<string, string>();
  const { promise: all, resolve } = Promise.withResolvers<void>();
  const log = pino(
    {},
    {
      write(line: string) {
        const { receiver, msg } = JSON.parse(line);
        if (!said.has(receiver)) said.set(receiver, msg);
        if (said.size === 4) resolve();
      },
    },
  );
  const sender = new AlertSender(journal, new Map(Object.entries(receivers)), "node7", systemClock, log);
  t.after(() => sender.stop());
  incident(journal, Object.keys(receivers));
  sender.wake();
  await all;
  const why = (receiver: string) => said.get(receiver)?.replace("an alert did not arrive: ", "");
  assert.equal(why("refuses"), `${refuses}: connect ECONNREFUSED ${refuses}`);
  assert.equal(why("hangs"), `${new URL(hangs).host}: not done within 15 s`);
  assert.equal(why("waits"), "/bin/sleep: not done within 15 s");
  assert.equal(why("none"), "/nowhere: spawn /nowhere ENOENT");
});
