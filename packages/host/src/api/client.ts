/** The daemon's API for the command line. */
import { once } from "node:events";
import { type IncomingMessage, request } from "node:http";
import { errorCode, UserError } from "@bernard/tools";

/** Milliseconds for an answer: the daemon gives most from memory. */
const ANSWER_MS = 15_000;

/** Most bytes of an answer in JSON. */
const ANSWER_BYTES = 64 * 2 ** 20;

export class HostClient {
  readonly #socket: string;

  /** @param socket the daemon's, such as /run/bernard/host.sock */
  constructor(socket: string) {
    this.#socket = socket;
  }

  /** @throws UserError where the daemon is not there, does not let us, or refuses */
  async get<T>(path: string): Promise<T> {
    return JSON.parse((await textOf(await this.#ask("GET", path))) || "null") as T;
  }

  async send(method: "PUT" | "DELETE", path: string, body?: unknown): Promise<void> {
    (await this.#ask(method, path, body)).resume();
  }

  /** The answer's bytes as they come. */
  stream(path: string): Promise<IncomingMessage> {
    return this.#ask("GET", path);
  }

  async #ask(method: string, path: string, body?: unknown): Promise<IncomingMessage> {
    const text = body === undefined ? undefined : JSON.stringify(body);
    const headers =
      text === undefined ? {} : { "content-type": "application/json", "content-length": Buffer.byteLength(text) };
    const asking = request({ socketPath: this.#socket, method, path, headers, timeout: ANSWER_MS });
    asking.on("timeout", () => asking.destroy(new Error(`no answer within ${ANSWER_MS / 1000} s`)));
    asking.end(text);
    let response: IncomingMessage;
    try {
      [response] = (await once(asking, "response")) as [IncomingMessage];
    } catch (error) {
      throw this.#unreachable(error);
    }
    const { statusCode = 0 } = response;
    if (statusCode < 300) return response;
    throw new UserError(messageOf(await textOf(response)) ?? `bernard host answered ${statusCode}`);
  }

  #unreachable(error: unknown): UserError {
    const why = error instanceof Error ? error.message : String(error);
    if (errorCode(error) === "EACCES") {
      return new UserError(`bernard host at ${this.#socket} lets only root and its group in`, "use sudo", 3);
    }
    const isDown = errorCode(error) === "ENOENT" || errorCode(error) === "ECONNREFUSED";
    const what = isDown ? `bernard host does not run (${this.#socket})` : `bernard host at ${this.#socket}: ${why}`;
    return new UserError(what, "systemctl status bernard-host", 3);
  }
}

async function textOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > ANSWER_BYTES) throw new UserError("bernard host answers without end");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function messageOf(text: string): string | undefined {
  try {
    const { message } = JSON.parse(text);
    return typeof message === "string" ? message : undefined;
  } catch {
    return undefined;
  }
}
