/** `bernard host` beside a libvirtd of the test's own: started as a service manager starts it, asked over its socket. */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { setTimeout as later } from "node:timers/promises";
import { HostClient, type IncidentView, type KeptIncident, type StatusView } from "@bernard/host/client";
import type { Daemon } from "@bernard/hypervisor/test-daemon";
import { root, run } from "@bernard/tools";
import { Program } from "./program.ts";

/** What the engine was told, as `record:` of host.yaml keeps it. */
export interface Told {
  readonly type: string;
  readonly uuid?: string;
  readonly message?: { readonly type: string };
  readonly open?: boolean;
  readonly lastLine?: string;
  readonly counters?: { readonly disk: { readonly writes: number } };
}

export interface WitnessOptions {
  /** Of its directory, below the libvirtd's. */
  readonly name?: string;
  /** Lines below `judge:`. */
  readonly judge?: Readonly<Record<string, string>>;
  /** More of host.yaml. */
  readonly more?: string;
}

export class Witness {
  readonly dir: string;
  readonly config: string;
  readonly client: HostClient;
  readonly #t: TestContext;
  #program: Program | undefined;

  private constructor(t: TestContext, dir: string) {
    this.#t = t;
    this.dir = dir;
    this.config = join(dir, "host.yaml");
    this.client = new HostClient(join(dir, "run/host.sock"));
  }

  /** Its configuration is written, and nothing is started. */
  static async configured(t: TestContext, daemon: Daemon, options: WitnessOptions = {}): Promise<Witness> {
    const { name = "witness", judge = {}, more = "" } = options;
    const witness = new Witness(t, join(daemon.dir, name));
    const { dir, config } = witness;
    await mkdir(dir);
    const judged = Object.entries(judge).map(([key, value]) => `  ${key}: ${value}\n`);
    const lines = [
      `connect: "${daemon.uri("qemu:///session")}"\nread-only: false\n`,
      `state: ${dir}/state\nrun: ${dir}/run\nrecord: ${dir}/record.jsonl\n`,
      judged.length === 0 ? "" : `judge:\n${judged.join("")}`,
      more,
    ];
    await writeFile(config, lines.join(""));
    return witness;
  }

  /** It runs, and watches every guest. */
  static async start(t: TestContext, daemon: Daemon, options: WitnessOptions = {}): Promise<Witness> {
    const witness = await Witness.configured(t, daemon, options);
    await witness.start();
    return witness;
  }

  async start(): Promise<void> {
    await this.run().said(/nothing is touched/);
  }

  /** Its program, started by `before` (`strace ...`) where that is given. */
  run(before: readonly string[] = []): Program {
    this.#program = new Program(this.#t, [...before, join(root, "bernard"), "host", "--config", this.config]);
    return this.#program;
  }

  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
    this.#running.signal(signal, "its group"); // strace hands none on
    await this.#running.ended;
  }

  /** Resolves once its log matches, from its start on. */
  said(pattern: RegExp): Promise<RegExpExecArray> {
    return this.#running.said(pattern);
  }

  /** The oldest first. */
  async incidents(guest?: string): Promise<KeptIncident[]> {
    const filter = guest === undefined ? "" : `?guest=${guest}`;
    return (await this.client.get<KeptIncident[]>(`/v1/incidents${filter}`)).toReversed();
  }

  /** Each incident of a guest as its signs, `fire watchdog-pause`. */
  async signs(guest?: string): Promise<string[]> {
    return (await this.incidents(guest)).map(({ signs }) => signs.map(({ sign }) => sign).join(" "));
  }

  status(): Promise<StatusView> {
    return this.client.get<StatusView>("/v1/status");
  }

  /** Resolves once these files are kept of an incident. */
  async evidence(incident: number, ...files: readonly string[]): Promise<void> {
    const ask = () => this.client.get<IncidentView>(`/v1/incidents/${incident}`);
    const has = ({ evidence }: IncidentView) => files.every((file) => evidence.some(({ path }) => path === file));
    await until(this.#t, ask, has);
  }

  /** What its engine was told so far in this run. */
  async told(): Promise<Told[]> {
    const lines = (await readFile(join(this.dir, "record.jsonl"), "utf8")).split("\n").slice(1, -1);
    return lines.map((line) => (JSON.parse(line) as { input: Told }).input);
  }

  /** Resolves once the guest was looked at from outside so many times more. */
  async looked(uuid: string, times: number): Promise<void> {
    const looks = async () =>
      (await this.told()).filter((input) => input.type === "reading" && input.uuid === uuid).length;
    const before = await looks();
    await until(this.#t, looks, (count) => count >= before + times);
  }

  get #running(): Program {
    if (this.#program === undefined) throw new Error("it was not started");
    return this.#program;
  }
}

/** What `ask` gives once it is as wanted: of some things nobody tells when they are so. */
export async function until<T>(t: TestContext, ask: () => Promise<T>, isIt: (value: T) => boolean): Promise<T> {
  for (;;) {
    const value = await ask();
    if (isIt(value)) return value;
    if (t.signal.aborted) throw new Error(`it stays ${JSON.stringify(value)}`);
    await later(50);
  }
}

/** libvirt's own client, as a person uses it. */
export async function virsh(daemon: Daemon, ...words: readonly string[]): Promise<string> {
  return String(await run("virsh", ["-q", "-c", daemon.clientUri("qemu:///session"), ...words])).trim();
}

/** Starts a guest that is gone once it is off; its UUID. */
export async function created(daemon: Daemon, xml: string): Promise<string> {
  const name = /<name>([^<]*)/.exec(xml)?.[1] ?? "";
  const file = join(daemon.dir, `${name}.xml`);
  await writeFile(file, xml);
  await virsh(daemon, "create", file);
  return virsh(daemon, "domuuid", name);
}

/** The process of a guest's QEMU. */
export async function emulatorOf(daemon: Daemon, name: string): Promise<number> {
  return Number(await readFile(join(daemon.runtimeDir, `libvirt/qemu/run/${name}.pid`), "utf8"));
}

/** A webhook, and the keys of what it was sent, each as often as it came. */
export async function webhook(t: TestContext): Promise<{ readonly url: string; readonly keys: readonly string[] }> {
  const keys: string[] = [];
  const server = createServer((request, response) => {
    request.resume().once("end", () => {
      keys.push(String(request.headers["idempotency-key"]));
      response.end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, keys };
}
