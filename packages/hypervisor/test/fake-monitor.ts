/** A monitor that says what a test wants said, on a real UNIX socket. */
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { TestContext } from "node:test";
import { QmpClient } from "../src/qemu/qmp-client.ts";

export const GREETING =
  '{"QMP": {"version": {"qemu": {"major": 7, "minor": 2, "micro": 22}}, "capabilities": ["oob"]}}\r\n';

export interface Command {
  readonly execute: string;
  readonly arguments: Record<string, unknown>;
  readonly id: number;
}

/** Our end, and the monitor's end, of a connection that closes with the test. */
export async function socketPair(t: TestContext): Promise<{ ours: Socket; theirs: Socket }> {
  const dir = await mkdtemp(join(tmpdir(), "bernard-monitor-"));
  const server = createServer();
  server.listen(join(dir, "socket"));
  await once(server, "listening");
  const ours = connect(join(dir, "socket"));
  const [theirs] = (await once(server, "connection")) as [Socket];
  theirs.on("error", () => {}); // a test hangs up when it likes
  t.after(async () => {
    ours.destroy();
    theirs.destroy();
    server.close();
    await rm(dir, { recursive: true });
  });
  return { ours, theirs };
}

/** A client that has been greeted; `answer` gets each command after that. */
export async function greetedClient(t: TestContext, answer: (command: Command, theirs: Socket) => void) {
  const { ours, theirs } = await socketPair(t);
  createInterface({ input: theirs }).on("line", (line) => {
    const command = JSON.parse(line) as Command;
    if (command.execute === "qmp_capabilities") theirs.write(reply(command, {}));
    else answer(command, theirs);
  });
  theirs.write(GREETING);
  return { client: await QmpClient.connect(ours), theirs };
}

export const reply = (command: Command, value: unknown): string =>
  `${JSON.stringify({ return: value, id: command.id })}\r\n`;

export const event = (name: string, data: object = {}): string =>
  `${JSON.stringify({ timestamp: { seconds: 1, microseconds: 2 }, event: name, data })}\r\n`;
