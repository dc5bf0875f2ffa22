/**
 * One guest's monitor: connected for as long as its socket is there, tried again when it is lost, its events in the words of
 * every adapter. A monitor serves one client at a time, so the connection is kept and all calls share it.
 */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { printable } from "@bernard/protocol";
import { errorCode } from "@bernard/tools";
import { HypervisorError } from "../errors.ts";
import type { Guest, HypervisorEvent } from "../hypervisor.ts";
import { noAnswer } from "./adapter-errors.ts";
import { type EmulatorProcess, fateOf } from "./emulator-process.ts";
import { EventTranslator } from "./event-translator.ts";
import { type Given, identify } from "./guest-identity.ts";
import { stateOf } from "./guest-state.ts";
import { QmpClient, type QmpEvent } from "./qmp-client.ts";
import { recordOf, textOf } from "./qmp-values.ts";
import { within } from "./within.ts";

/** Milliseconds for a monitor's greeting, and for each answer that tells whose it is. */
const GREETING_MS = 5_000;

/** Milliseconds after which an emulator that was asked for its state answers nothing. */
const PATIENCE_MS = 5_000;

/** Milliseconds before the first try to connect again, and between two tries at most; each wait is twice the one before. */
const RETRY_MS = 100;
const RETRY_MAX_MS = 10_000;

/** Milliseconds that a process may go on after it has closed its monitor, and between two looks. */
const ENDING_MS = 2_000;
const LOOK_MS = 20;

/** Events that wait for one before them; with more the connection is made anew, and what was missed is found by comparing. */
const MAX_WAITING = 10_000;

/** What becomes of a monitor. */
export type MonitorNews =
  /** Everything of that guest is heard from now on. */
  | { readonly type: "up"; readonly guest: Guest }
  | { readonly type: "event"; readonly event: HypervisorEvent; readonly guest: Guest }
  /** It is heard no longer, while its emulator may run on. */
  | { readonly type: "lost"; readonly error: Error; readonly retryMs: number }
  /** Somebody listens who has never answered us. */
  | { readonly type: "silent"; readonly guest: Guest; readonly error: Error; readonly retryMs: number }
  /** The emulator has ended; `detail` says how, in libvirt's words. */
  | { readonly type: "ended"; readonly guest: Guest; readonly detail: string }
  /** Nobody listens. */
  | { readonly type: "nobody" }
  /** The socket itself is gone, and this monitor at its end. */
  | { readonly type: "gone" };

interface Life {
  readonly process: EmulatorProcess | undefined;
  readonly translator: EventTranslator;
}

export class GuestMonitor {
  readonly path: string;
  readonly #tell: (news: MonitorNews) => void;
  readonly #closing = new AbortController();
  #client: QmpClient | undefined;
  #connected = Promise.withResolvers<QmpClient>();
  /** Of the emulator that was heard last and is not known to have ended. */
  #life: Life | undefined;
  #silent: { readonly process: EmulatorProcess | undefined } | undefined;
  #problem: HypervisorError | undefined;
  #settled = Promise.withResolvers<void>();
  #isSettled = false;
  #status: { readonly sinceMs: number; readonly reply: Promise<unknown> } | undefined;
  /** The try that is under way may have come too early. */
  #again = false;
  #retryMs = RETRY_MS;
  #wake = () => {};

  constructor(path: string, tell: (monitor: GuestMonitor, news: MonitorNews) => void) {
    this.path = path;
    this.#tell = (news) => {
      if (!this.#closing.signal.aborted) tell(this, news);
    };
    this.#connected.promise.catch(() => {}); // it may be that nobody waits
    this.#run();
  }

  /** Resolves once it is told what there is: after the first try to connect, and after each loss of the connection. */
  get settled(): Promise<void> {
    return this.#settled.promise;
  }

  /** As it was after the last event; undefined while nothing is heard. */
  get guest(): Guest | undefined {
    return this.#client === undefined ? undefined : this.#life?.translator.guest;
  }

  /** The emulator, where it could be found. */
  get process(): EmulatorProcess | undefined {
    return this.#life?.process ?? this.#silent?.process;
  }

  /**
   * The guest's state now, or undefined where it does not come before `signal` aborts. At most one question is under way, so
   * that an emulator which answers nothing is asked once, and known at once later.
   * @param until when it is waited for, by `performance.now()`
   */
  async now(until: number, signal: AbortSignal): Promise<Guest | undefined> {
    const client = this.#client;
    const guest = this.guest;
    if (client === undefined || guest === undefined) return undefined;
    this.#status ??= this.#ask(client);
    const { sinceMs, reply } = this.#status;
    const status = await within(Math.min(sinceMs + PATIENCE_MS, until) - performance.now(), signal, reply);
    if (status === undefined) return undefined;
    const state = stateOf(status);
    return state.state === guest.state && state.state !== "paused" ? guest : { ...guest, ...state };
  }

  /**
   * The connection, once it is there.
   * @throws HypervisorError where it cannot be; the signal's reason
   */
  async client(signal: AbortSignal): Promise<QmpClient> {
    if (this.#client !== undefined) return this.#client;
    if (this.#closing.signal.aborted) throw closed(this.path);
    if (this.#problem?.kind === "denied") throw this.#problem;
    const aborted = Promise.withResolvers<never>();
    const onAbort = () => aborted.reject(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      return await Promise.race([this.#connected.promise, aborted.promise]);
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  /** Tries again now: something has happened to the socket. */
  retry(): void {
    this.#retryMs = RETRY_MS;
    this.#wake();
  }

  /** Looks again whether somebody listens where nobody did; `settled` tells when it is known. */
  lookAgain(): void {
    if (this.#client !== undefined || this.#problem !== undefined) return;
    this.#unsettle();
    this.#again = true;
    this.retry();
  }

  /** Hangs up for good. The guest goes on. */
  close(): void {
    this.#closing.abort();
    this.#client?.close();
    this.#wake();
    this.#connected.reject(closed(this.path));
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      const next = await this.#try();
      if (next === "at once" || (next === "later" && this.#again)) continue;
      this.#settle();
      if (next === "never" || signal.aborted) return;
      await this.#pause();
    }
  }

  /** One connection from its beginning to its end; when the next try is to be made. */
  async #try(): Promise<"at once" | "later" | "never"> {
    this.#again = false;
    let socket: Socket;
    try {
      socket = await this.#dial();
    } catch (error) {
      return await this.#unconnected(error);
    }
    if (await this.#isOver()) this.#end();
    else if (this.#life !== undefined) await this.#deaf(failureOf(this.path, "it was closed"));
    try {
      const client = await QmpClient.connect(socket, { deadlineMs: GREETING_MS, signal: this.#closing.signal });
      await this.#hear(client);
      return (await this.#isOver(RETRY_MS)) ? "at once" : "later";
    } catch (error) {
      socket.destroy();
      this.#again = false; // somebody listens
      if (!this.#closing.signal.aborted) await this.#deaf(noAnswer(printable(this.path), error));
      return "later";
    }
  }

  async #unconnected(error: unknown): Promise<"later" | "never"> {
    const code = errorCode(error);
    const isNobody = code === "ENOENT" || code === "ECONNREFUSED";
    // An emulator that we cannot see has ended with its socket.
    const isOver = this.process === undefined || (await this.#isOver(ENDING_MS));
    if (!isNobody || !isOver) {
      await this.#deaf(failureOf(this.path, error));
      return "later";
    }
    this.#end();
    this.#tell({ type: code === "ENOENT" ? "gone" : "nobody" });
    return code === "ENOENT" ? "never" : "later";
  }

  async #dial(): Promise<Socket> {
    const socket = connect(this.path);
    try {
      await once(socket, "connect", { signal: this.#closing.signal });
      return socket;
    } catch (error) {
      socket.on("error", () => {}).destroy();
      throw error;
    }
  }

  /** Tells what comes over the connection until it ends. */
  async #hear(client: QmpClient): Promise<void> {
    const held: QmpEvent[] = [];
    let take = (event: QmpEvent): void => void held.push(event);
    client.onEvent((event) => take(event));
    const ended = Promise.withResolvers<void>();
    client.onClose(() => {
      if (this.#client === client) this.#unsettle();
      ended.resolve();
    });
    const { guest, process } = await this.#meet(client);
    const before = this.#life?.translator.guest;
    if (before !== undefined && before.run !== guest.run) this.#end();
    const translator = this.#life?.translator ?? new EventTranslator();
    translator.begin(client, guest);
    this.#life = { process, translator };
    this.#silent = undefined;
    this.#problem = undefined;
    this.#client = client;
    this.#retryMs = RETRY_MS;
    this.#tell({ type: "up", guest });
    this.#connected.resolve(client);
    this.#settle();

    let waiting = 0;
    let last = Promise.resolve();
    take = (event) => {
      if (++waiting > MAX_WAITING) return client.close();
      last = last.then(async () => {
        for (const told of await translator.translate(event)) {
          this.#tell({ type: "event", event: told, guest: translator.guest });
        }
        waiting--;
      });
    };
    for (const event of held) take(event);
    await ended.promise;
    await last;
    this.#client = undefined;
    this.#status = undefined;
    this.#connected = Promise.withResolvers();
    this.#connected.promise.catch(() => {});
  }

  async #meet(client: QmpClient): Promise<{ guest: Guest; process: EmulatorProcess | undefined }> {
    const ask = (command: string) => client.execute(command, {}, { deadlineMs: GREETING_MS });
    const given = async (): Promise<Given> => {
      const [uuid, name] = await Promise.all([ask("query-uuid"), ask("query-name")]);
      return { uuid: textOf(recordOf(uuid).UUID), name: textOf(recordOf(name).name) };
    };
    const { id, process } = await identify(this.path, given);
    const { status } = recordOf(await ask("query-status"));
    return { guest: { ...id, ...stateOf(status) }, process };
  }

  /** Somebody may be there, and is not heard. */
  async #deaf(error: HypervisorError): Promise<void> {
    const again = this.#problem !== undefined;
    this.#problem = error;
    if (again) return;
    const retryMs = this.#retryMs;
    if (this.#life !== undefined) return this.#tell({ type: "lost", error, retryMs });
    const { id, process } = await identify(this.path);
    this.#silent = { process };
    this.#tell({ type: "silent", guest: { ...id, state: "unknown", reason: "unknown" }, error, retryMs });
  }

  /** Nobody is there any longer. */
  #end(): void {
    const { translator } = this.#life ?? {};
    this.#life = undefined;
    this.#silent = undefined;
    this.#problem = undefined;
    if (translator !== undefined) this.#tell({ type: "ended", ...translator.end() });
  }

  /** Whether the emulator is seen to have ended, within that time. */
  async #isOver(patienceMs = 0): Promise<boolean> {
    const { process } = this;
    if (process === undefined) return false;
    const deadline = performance.now() + patienceMs;
    for (;;) {
      const fate = await fateOf(process);
      if (fate === "gone") return true;
      if (performance.now() >= deadline || this.#closing.signal.aborted) return fate === "zombie";
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS)); // nobody is told of the end of another's child
    }
  }

  #ask(client: QmpClient): { sinceMs: number; reply: Promise<unknown> } {
    const reply = client.execute("query-status", {}, {}).then(
      (answer) => recordOf(answer).status,
      () => undefined,
    );
    const asked = { sinceMs: performance.now(), reply };
    reply.then(() => {
      if (this.#status === asked) this.#status = undefined;
    });
    return asked;
  }

  #settle(): void {
    this.#isSettled = true;
    this.#settled.resolve();
  }

  #unsettle(): void {
    if (!this.#isSettled) return;
    this.#isSettled = false;
    this.#settled = Promise.withResolvers();
  }

  async #pause(): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, this.#retryMs);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#retryMs = Math.min(2 * this.#retryMs, RETRY_MAX_MS);
  }
}

const closed = (path: string) => new HypervisorError("unreachable", `the monitor ${printable(path)} is closed`);

function failureOf(path: string, error: unknown): HypervisorError {
  const code = errorCode(error);
  if (code === "EACCES" || code === "EPERM") {
    const hint = "run this as the user who started that QEMU, or as root";
    return new HypervisorError("denied", `no permission for the monitor ${printable(path)}`, { hint, cause: error });
  }
  const why = error instanceof Error ? error.message : `${error}`;
  return new HypervisorError("unreachable", printable(`no connection to the monitor ${path}: ${why}`), {
    cause: error,
  });
}
