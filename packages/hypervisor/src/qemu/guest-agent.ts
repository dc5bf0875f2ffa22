/**
 * Asks qemu-guest-agent over its channel.
 * Reference: https://www.qemu.org/docs/master/interop/qemu-ga-ref.html#qapidoc-guest-sync-delimited
 */
import { randomInt } from "node:crypto";
import type { Duplex } from "node:stream";
import { LineSplitter, printable } from "@bernard/protocol";
import { HypervisorError } from "../errors.ts";
import type { AgentCommand } from "../hypervisor.ts";
import { recordOf, textOf } from "./qmp-values.ts";

/** Longest answer taken, in bytes. */
const MAX_BYTES = 8 * 1024 * 1024;

/** What the agent's 0xff before the answer to a sync becomes: whatever stands before it is somebody else's. */
const SENTINEL = "\ufffd";

/** @param channel the host's end, which is closed afterwards */
export async function askAgent(
  what: string,
  channel: Duplex,
  command: AgentCommand,
  signal: AbortSignal,
): Promise<unknown> {
  const answers = new Answers(channel);
  const onAbort = () => answers.fail(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    const id = randomInt(2 ** 31);
    // An earlier client may have left half a command, or answers that nobody has read.
    channel.write(Buffer.from([0xff]));
    channel.write(`${JSON.stringify({ execute: "guest-sync-delimited", arguments: { id } })}\n`);
    while ((await answers.next()).return !== id) {}
    channel.write(`${JSON.stringify(command)}\n`);
    const answer = await answers.next();
    if ("return" in answer) return answer.return;
    const why = textOf(recordOf(answer.error).desc) ?? "it does not say why";
    throw new HypervisorError("failed", printable(`${what}: the agent refuses: ${why}`));
  } finally {
    signal.removeEventListener("abort", onAbort);
    channel.destroy();
  }
}

/** The objects that come over a channel, one after the other; what is none is passed over. */
class Answers {
  readonly #waiting: Readonly<Record<string, unknown>>[] = [];
  #wake = () => {};
  #failure: { readonly reason: unknown } | undefined;

  constructor(channel: Duplex) {
    const splitter = new LineSplitter(MAX_BYTES);
    channel.on("data", (chunk: Buffer) => {
      for (const line of splitter.push(chunk)) this.#take(line);
    });
    channel.on("error", (error) => this.fail(error));
    channel.on("close", () => this.fail(new HypervisorError("unreachable", "the agent's channel is closed")));
  }

  fail(reason: unknown): void {
    this.#failure ??= { reason };
    this.#wake();
  }

  async next(): Promise<Readonly<Record<string, unknown>>> {
    for (;;) {
      const answer = this.#waiting.shift();
      if (answer !== undefined) return answer;
      if (this.#failure !== undefined) throw this.#failure.reason;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  #take(line: string): void {
    const answer = parsed(line) ?? parsed(line.slice(line.lastIndexOf(SENTINEL) + 1));
    if (answer === undefined) return;
    this.#waiting.push(recordOf(answer));
    this.#wake();
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
