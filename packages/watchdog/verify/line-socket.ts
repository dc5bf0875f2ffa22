/** One of QEMU's sockets: it connects to us, and both sides talk in lines. */
import { createServer, type Socket } from "node:net";

interface Waiting {
  readonly resolve: (line: string) => void;
  readonly reject: (error: Error) => void;
}

export class LineSocket {
  readonly #server = createServer();
  readonly #socket: Promise<Socket>;
  #open: Socket | undefined;
  #rest = "";
  readonly #lines: string[] = [];
  readonly #waiting: Waiting[] = [];
  #closed: Error | undefined;

  /** Listens at once; wait for `listening` before QEMU is started. */
  readonly listening: Promise<void>;

  constructor(path: string) {
    this.listening = new Promise((resolve) => this.#server.listen(path, resolve));
    this.#socket = new Promise((resolve) => {
      this.#server.once("connection", (socket) => {
        this.#server.close();
        socket.on("data", (data) => this.#take(data.toString("latin1")));
        socket.on("close", () => this.fail(new Error("QEMU has closed its socket")));
        socket.on("error", (error) => this.fail(error));
        this.#open = socket;
        resolve(socket);
      });
    });
  }

  async write(text: string): Promise<void> {
    (this.#open ?? (await this.#socket)).write(text);
  }

  line(): Promise<string> {
    const line = this.#lines.shift();
    if (line !== undefined) return Promise.resolve(line);
    if (this.#closed !== undefined) return Promise.reject(this.#closed);
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  fail(error: Error): void {
    this.#closed ??= error;
    for (const { reject } of this.#waiting.splice(0)) reject(this.#closed);
  }

  end(): void {
    this.#open?.destroy();
    this.#server.close();
  }

  #take(text: string): void {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop() as string;
    for (const line of lines) {
      const waiting = this.#waiting.shift();
      if (waiting === undefined) this.#lines.push(line);
      else waiting.resolve(line);
    }
  }
}
