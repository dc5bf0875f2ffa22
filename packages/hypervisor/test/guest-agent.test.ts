import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { createInterface } from "node:readline";
import { type TestContext, test } from "node:test";
import { HypervisorError, isFailure } from "../src/errors.ts";
import { askAgent } from "../src/qemu/guest-agent.ts";
import { socketPair } from "./fake-monitor.ts";

interface Asked {
  readonly execute: string;
  readonly arguments: { readonly id: number };
}

/** Asks an agent that answers a sync as the real one does, after `before` it, and any other command as `answer` says. */
async function ask(t: TestContext, before: string, answer: (theirs: Socket) => void, signal = t.signal) {
  const { ours, theirs } = await socketPair(t);
  createInterface({ input: theirs }).on("line", (line) => {
    const asked = JSON.parse(line.slice(line.indexOf("{"))) as Asked;
    if (asked.execute !== "guest-sync-delimited") return answer(theirs);
    theirs.write(Buffer.concat([Buffer.from(before), Buffer.of(0xff)]));
    theirs.write(`${JSON.stringify({ return: asked.arguments.id })}\n`);
  });
  return askAgent("guest-ping of tiny", ours, { execute: "guest-ping" }, signal);
}

const answers: readonly [what: string, before: string, answer: string, returned: unknown][] = [
  ["its answer", "", '{"return": {"id": "debian"}}', { id: "debian" }],
  ["its answer behind what others were told", '{"return": 1}\n{"return": {', '{"return": 2}', 2],
  ["an answer with bytes that are no text", "", '{"return": "a\ufffdb"}', "a\ufffdb"],
];

for (const [what, before, answer, returned] of answers) {
  test(`an agent is asked, and returns ${what}`, async (t) => {
    assert.deepEqual(await ask(t, before, (theirs) => theirs.write(`${answer}\n`)), returned);
  });
}

test("what an agent refuses is told in its words, escaped", async (t) => {
  const answer = { error: { class: "GenericError", desc: "not \u001b[31mnow" } };
  await assert.rejects(
    ask(t, "", (theirs) => theirs.write(`${JSON.stringify(answer)}\n`)),
    (error) =>
      isFailure(error, "failed") && error.message === "guest-ping of tiny: the agent refuses: not \\u{1b}[31mnow",
  );
});

test("an agent that answers nothing is given up, and one that hangs up is told", async (t) => {
  const late = new HypervisorError("no-answer", "late");
  const limit = new AbortController();
  const asking = ask(t, "", () => limit.abort(late), limit.signal);
  await assert.rejects(asking, late);
  await assert.rejects(
    ask(t, "", (theirs) => theirs.destroy()),
    (error) => isFailure(error, "unreachable"),
  );
});
