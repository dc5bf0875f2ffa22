import assert from "node:assert/strict";
import { test } from "node:test";
import { QmpClosedError, QmpCommandError, QmpDeadlineError } from "../src/qemu/errors.ts";
import { QmpClient, type QmpEvent } from "../src/qemu/qmp-client.ts";
import { type Command, event, GREETING, greetedClient, reply, socketPair } from "./fake-monitor.ts";

const soon = { deadlineMs: 20 };

test("a command carries its arguments and gets its own reply, in whatever order they come", async (t) => {
  const held: Command[] = [];
  const { client } = await greetedClient(t, (command, theirs) => {
    held.push(command);
    if (held.length === 2)
      theirs.write(
        held
          .toReversed()
          .map((each) => reply(each, each.arguments))
          .join(""),
      );
  });
  const answers = await Promise.all([client.execute("first", { a: 1 }), client.execute("second", { b: [2] })]);
  assert.deepEqual(answers, [{ a: 1 }, { b: [2] }]);
});

test("messages may come byte by byte, or several at once", async (t) => {
  const { client } = await greetedClient(t, (command, theirs) => {
    const text = event("STOP") + reply(command, "grüß 🙂") + event("RESUME");
    if (command.execute === "merged") theirs.write(text);
    else for (const byte of Buffer.from(text)) theirs.write(Uint8Array.of(byte));
  });
  const names: string[] = [];
  client.onEvent(({ name }) => names.push(name));
  assert.equal(await client.execute("merged"), "grüß 🙂");
  const resumed = client.waitFor("RESUME", { deadlineMs: 10_000 });
  assert.equal(await client.execute("split"), "grüß 🙂");
  await resumed;
  assert.deepEqual(names, ["STOP", "RESUME", "STOP", "RESUME"]);
});

test("what QEMU refuses is an error with its class and its words", async (t) => {
  const { client } = await greetedClient(t, ({ id }, theirs) => {
    theirs.write(`{"error": {"class": "CommandNotFound", "desc": "The command x has not been found"}, "id": ${id}}\n`);
  });
  await assert.rejects(client.execute("x"), (error) => {
    assert.ok(error instanceof QmpCommandError);
    assert.equal(error.code, "QMP_COMMAND");
    assert.equal(error.errorClass, "CommandNotFound");
    assert.equal(error.description, "The command x has not been found");
    return true;
  });
});

test("a command meets its deadline, its late reply is ignored, and the next command works", async (t) => {
  let late: Command | undefined;
  const { client } = await greetedClient(t, (command, theirs) => {
    if (late === undefined) late = command;
    else theirs.write(reply(late, "late") + reply(command, "in time"));
  });
  await assert.rejects(client.execute("slow", {}, soon), QmpDeadlineError);
  assert.equal(await client.execute("quick"), "in time");
  assert.equal(client.dropped, 0);
});

test("a command is given up when its signal says so, and nothing is sent for one given up before", async (t) => {
  const asked: string[] = [];
  const caller = new AbortController();
  const { client } = await greetedClient(t, ({ execute }) => {
    asked.push(execute);
    caller.abort(new Error("enough"));
  });
  await assert.rejects(client.execute("slow", {}, { signal: caller.signal }), /enough/);
  await assert.rejects(client.execute("never", {}, { signal: caller.signal }), /enough/);
  assert.deepEqual(asked, ["slow"]);
});

test("a closed socket ends all that is pending and all that follows", async (t) => {
  const { client } = await greetedClient(t, (_, theirs) => void theirs.end());
  const event = client.waitFor("STOP", { deadlineMs: 10_000 });
  const pending = [client.execute("a"), client.execute("b"), event].map((each) => assert.rejects(each, QmpClosedError));
  await Promise.all(pending);
  await assert.rejects(client.execute("c"), { code: "QMP_CLOSED" });
  await assert.rejects(client.waitFor("STOP", soon), { code: "QMP_CLOSED" });
});

test("a socket that breaks tells its cause", async (t) => {
  const { ours, theirs } = await socketPair(t);
  const connecting = QmpClient.connect(ours);
  ours.destroy(new Error("cable pulled"));
  await assert.rejects(connecting, /cable pulled/);
  theirs.destroy();
});

test("closing the client rejects what is pending", async (t) => {
  const { client } = await greetedClient(t, () => client.close());
  await assert.rejects(client.execute("a"), QmpClosedError);
});

test("garbage on the line is dropped and counted, and stops nothing", async (t) => {
  const garbage = [
    "kvm: warning: something",
    "{",
    "[1, 2]",
    '"text"',
    "null",
    '{"return": {}}',
    '{"id": 1}',
    '{"error": {"class": "GenericError", "desc": "JSON parse error"}}',
    '{"event": 7}',
    "\xff\xfe",
  ];
  const { client } = await greetedClient(t, (command, theirs) => {
    theirs.write(`${garbage.join("\n")}\n`);
    theirs.write(reply(command, "still here"));
  });
  assert.equal(await client.execute("a"), "still here");
  assert.equal(client.dropped, garbage.length);
});

const garbledReplies: readonly [what: string, rest: string][] = [
  ["an error in words", '"error": "boom"'],
  ["an error without its class", '"error": {"desc": "boom"}'],
  ["an error whose words are none", '"error": {"class": "GenericError", "desc": 7}'],
  ["success and failure at once", '"return": {}, "error": {"class": "GenericError", "desc": "boom"}'],
  ["neither success nor failure", '"result": {}'],
];

for (const [what, rest] of garbledReplies) {
  test(`a reply with ${what} is garbage: no answer to its command`, async (t) => {
    const { client } = await greetedClient(t, (command, theirs) => {
      theirs.write(`{"id": ${command.id}, ${rest}}\n${reply(command, "the real one")}`);
    });
    assert.equal(await client.execute("a"), "the real one");
    assert.equal(client.dropped, 1);
  });
}

test("an endless line is dropped in bounded memory, and the next reply arrives", async (t) => {
  const { client } = await greetedClient(t, (command, theirs) => {
    theirs.write(Buffer.alloc(9 * 1024 * 1024, "a"));
    theirs.write(`\n${reply(command, 1)}`);
  });
  assert.equal(await client.execute("a"), 1);
  assert.equal(client.dropped, 1);
});

test("an event without data, or with nonsense for data, has empty data", async (t) => {
  const { client } = await greetedClient(t, (command, theirs) => {
    theirs.write(`{"event": "STOP"}\n{"event": "RESET", "data": "x"}\n${reply(command, 0)}`);
  });
  const events: QmpEvent[] = [];
  const stop = client.onEvent((event) => events.push(event));
  await client.execute("a");
  stop();
  await client.execute("a");
  assert.deepEqual(
    events.map(({ name, data }) => [name, data]),
    [
      ["STOP", {}],
      ["RESET", {}],
    ],
  );
});

test("waiting for an event takes the first that is accepted", async (t) => {
  const { client, theirs } = await greetedClient(t, () => {});
  const reset = client.waitFor("RESET", { deadlineMs: 10_000, where: ({ data }) => data.guest === false });
  theirs.write(event("STOP") + event("RESET", { guest: true }) + event("RESET", { guest: false, reason: "host" }));
  assert.deepEqual((await reset).data, { guest: false, reason: "host" });
});

test("an event that does not come in time is an error that says which", async (t) => {
  const { client } = await greetedClient(t, () => {});
  await assert.rejects(client.waitFor("WATCHDOG", soon), /no event WATCHDOG from QEMU within 0.02 s/);
});

test("a peer that never greets is given up", async (t) => {
  const { ours, theirs } = await socketPair(t);
  theirs.write("220 mail.example.org ESMTP\r\n");
  await assert.rejects(QmpClient.connect(ours, soon), /no greeting/);
});

test("a peer that hangs up before its greeting is an error", async (t) => {
  const { ours, theirs } = await socketPair(t);
  theirs.end();
  await assert.rejects(QmpClient.connect(ours), QmpClosedError);
});

test("a monitor that somebody else holds greets and answers nothing", async (t) => {
  const { ours, theirs } = await socketPair(t);
  theirs.write(GREETING);
  const deadlineMs = 1000; // the greeting must have come by then, on a busy machine too
  await assert.rejects(QmpClient.connect(ours, { deadlineMs }), /no reply to qmp_capabilities/);
});
