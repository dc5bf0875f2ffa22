/** Requests to the control socket, and what is answered. */
import { answer, type Controlled } from "../src/control.ts";
import type { Bite } from "../src/record.ts";
import type { CheckStatus, StatusReport } from "../src/status.ts";
import { suite } from "./vector.ts";

const memory: CheckStatus = {
  name: "memory",
  verdict: "healthy",
  reason: "",
  readings: { available_percent: 50 },
  limit: "",
  hold_s: 30,
  end: "reboot",
};

const head = {
  version: "1.2.3",
  mode: "act",
  device: { identity: "i6300ESB timer", timeout: 30, armed: true, fed_ago_s: 0.4, feeds: 12 },
  muted_for_s: 0,
  grace_left_s: 0,
  budget: { used: 0, limit: 3, window_s: 86400 },
  ended: "",
} as const;

const fire = (at: number): Bite => ({ at, check: "memory", reason: "1 % ü", end: "reboot" });

/** A daemon that writes down what is asked of it. */
class Daemon implements Controlled {
  readonly asked: string[] = [];
  readonly #status: StatusReport;

  constructor(status: Partial<StatusReport>) {
    this.#status = { ...head, checks: [memory], would_fire: [fire(1), fire(2)], ...status };
  }

  status(): StatusReport {
    return this.#status;
  }

  mute(seconds: number): void {
    this.asked.push(`mute ${seconds}`);
  }

  unmute(): void {
    this.asked.push("unmute");
  }

  check(name: string): CheckStatus | undefined {
    return name === "memory" ? memory : undefined;
  }

  requestReload(): void {
    this.asked.push("reload");
  }

  last() {
    return { how: "by us", record: fire(3) } as const;
  }
}

/** The lines of the answer, and what the daemon was asked to do. */
function ask(request: string): unknown {
  const daemon = new Daemon({});
  const lines = answer(request, daemon).split("\n");
  return [...lines.slice(0, -1).map((line) => JSON.parse(line)), ...daemon.asked];
}

const done = { done: true };
const refused = (request: string) => [{ error: `'${request}' is no request; see bernard-guest --help` }];
const noTime = [{ error: "mute takes whole seconds from 1 to 86400" }];

export const requests = suite("control, a request", ask, [
  ["status", "status", [{ status: head }, { check: memory }, { would_fire: fire(2) }, { would_fire: fire(1) }, done]],
  ["one check", "check memory", [{ check: memory }, done]],
  ["a check that there is not", "check disk:/a b", [{ error: "there is no check 'disk:/a b'" }]],
  ["last", "last", [{ last: { how: "by us", record: fire(3) } }, done]],
  ["mute", "mute 600", [done, "mute 600"]],
  ["unmute", "unmute", [done, "unmute"]],
  ["reload", "reload", [done, "reload"]],
  ["a mute for no time", "mute 0", noTime],
  ["a mute for ever", "mute 86401", noTime],
  ["a mute for a fraction", "mute 1.5", noTime],
  ["a mute for nothing", "mute ", noTime],
  ["a mute in words", "mute 10m", noTime],
  ["no time", "mute", refused("mute")],
  ["no name", "check", refused("check")],
  ["too much", "status now", refused("status now")],
  ["too much space", "unmute ", refused("unmute ")],
  ["capitals", "STATUS", refused("STATUS")],
  ["nothing", "", refused("")],
  ["a name of every object", "constructor", refused("constructor")],
  ["HTTP", "GET / HTTP/1.1\r", refused("GET / HTTP/1.1\r")],
  ["something long", "x".repeat(4096), refused(`${"x".repeat(60)}...`)],
]);

/** Bytes of the answer, how many lines, and its last one. */
function measure(checks: number): unknown {
  const many = Array.from({ length: checks }, (_, n) => ({ ...memory, name: `${n}`, reason: "ü".repeat(100) }));
  const text = answer("status", new Daemon({ checks: many, would_fire: [] }));
  const lines = text.split("\n").slice(0, -1);
  for (const line of lines) JSON.parse(line);
  return [text.length <= 65_536, lines.length, lines.at(-1), [...text].every((character) => character < "\x7f")];
}

export const sizes = suite("control, the size of an answer", measure, [
  ["a few checks", 3, [true, 5, '{"done":true}', true]],
  ["more than there is room for", 256, [true, 91, '{"done":true,"left_out":167}', true]],
]);
