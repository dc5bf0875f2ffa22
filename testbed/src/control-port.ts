/** The host's end of the control port, over which shell scripts run in the test guest; its other end is guest/control.c. */
import type { Duplex } from "node:stream";
import { LineSplitter } from "@bernard/protocol";

export interface Result {
  /** The script's exit code; 128 and the signal's number where a signal ended it. */
  readonly code: number;
  /** What it wrote to standard output and standard error. */
  readonly output: string;
}

/** Longest answer taken from the guest, in bytes. */
const MAX_ANSWER_BYTES = 4 * 1024 * 1024;

interface Request {
  readonly line: string;
  readonly settle: (result: Result | Error) => void;
}

export class ControlPort {
  #port: Duplex;
  readonly #onReady: (uptimeS: number) => void;
  readonly #requests = new Map<string, Request>();
  #ready = false;
  #lastId = 0;

  /** @param onReady called at each boot of the guest, with the guest's uptime in seconds */
  constructor(port: Duplex, onReady: (uptimeS: number) => void) {
    this.#port = port;
    this.#onReady = onReady;
    this.moveTo(port);
  }

  /** The guest goes on at another end, where it left off. */
  moveTo(port: Duplex): void {
    this.#port = port;
    const splitter = new LineSplitter(MAX_ANSWER_BYTES);
    port.on("data", (chunk: Buffer) => {
      for (const line of splitter.push(chunk)) this.#receive(line);
    });
  }

  /** Runs `script` with the guest's sh, after the guest's boot where it is still booting. */
  run(script: string, deadlineMs: number): Promise<Result> {
    const id = String(++this.#lastId);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => settle(new Error(`no answer within ${deadlineMs / 1000} s`)), deadlineMs);
      const settle = (result: Result | Error) => {
        clearTimeout(timer);
        this.#requests.delete(id);
        if (result instanceof Error) reject(result);
        else resolve(result);
      };
      const request = { line: `${id} ${Buffer.from(script).toString("base64")}\n`, settle };
      this.#requests.set(id, request);
      if (this.#ready) this.#port.write(request.line);
    });
  }

  /** What the guest has not answered it never will: it was reset, or its QEMU has ended. */
  abandon(why: string): void {
    this.#ready = false;
    for (const request of [...this.#requests.values()]) request.settle(new Error(why));
  }

  #receive(line: string): void {
    const [id = "", status = "", output = ""] = line.split(" ");
    if (id === "ready") {
      // What we wrote before a reset may still reach the guest after it: it takes nothing before this line.
      this.#port.write("begin\n");
      this.#ready = true;
      for (const request of this.#requests.values()) this.#port.write(request.line);
      this.#onReady(Number(status));
      return;
    }
    this.#requests.get(id)?.settle({ code: Number(status), output: Buffer.from(output, "base64").toString() });
  }
}
