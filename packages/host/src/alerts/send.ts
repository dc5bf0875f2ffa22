/** The ways to a receiver: a webhook, a mail, a command. Each is done when the other side has taken it, and throws when it has not. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createTransport } from "nodemailer";
import type { Receiver } from "../config-schema.ts";
import type { Alert } from "./alert.ts";

/** Milliseconds that one try may take. */
const SEND_MS = 15_000;

export async function send(receiver: Receiver, alert: Alert): Promise<void> {
  switch (receiver.type) {
    case "webhook":
      return post(receiver.url, alert);
    case "email":
      return mail(receiver, alert);
    case "command":
      return run(receiver.run, alert);
  }
}

async function post(url: string, alert: Alert): Promise<void> {
  // The rest of such an address is a secret often.
  const { host } = new URL(url);
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", "idempotency-key": alert.id },
    body: JSON.stringify(alert),
    signal: AbortSignal.timeout(SEND_MS),
    redirect: "error",
  }).catch((error: unknown) => {
    throw new Error(`${host}: ${whyOf(error)}`);
  });
  await response.body?.cancel();
  if (!response.ok) throw new Error(`${host} answered ${response.status}`);
}

async function mail({ server, from, to }: Extract<Receiver, { type: "email" }>, alert: Alert): Promise<void> {
  const [host, port = "25"] = server.split(":");
  const limits = { connectionTimeout: SEND_MS, greetingTimeout: SEND_MS, socketTimeout: SEND_MS };
  // Where the server offers no encryption there is none: one that nobody vouches for, as Debian's own Postfix has it, is no worse.
  const tls = { rejectUnauthorized: false };
  const transport = createTransport({ host, port: Number(port), tls, ...limits });
  try {
    await transport.sendMail({
      from,
      to: [...to],
      subject: `[bernard] ${alert.host}: ${alert.name}: ${alert.sign}`,
      text: `${alert.text}\n\nhost      ${alert.host}\nincident  ${alert.incident}\nat        ${alert.at}\n\nbernard incident show ${alert.incident}\n`,
      messageId: `<${encodeURIComponent(alert.id)}@bernard>`,
    });
  } finally {
    transport.close();
  }
}

/** The command gets the alert as JSON on its standard input; no shell reads any of it. */
async function run([program, ...args]: readonly string[], alert: Alert): Promise<void> {
  const child = spawn(program ?? "", args, {
    stdio: ["pipe", "ignore", "ignore"],
    signal: AbortSignal.timeout(SEND_MS),
    killSignal: "SIGKILL",
  });
  const exit = once(child, "exit");
  child.stdin?.on("error", () => {}); // it need not read
  child.stdin?.end(`${JSON.stringify(alert)}\n`);
  const [code, signal] = (await exit.catch((error: unknown) => {
    throw new Error(`${program}: ${whyOf(error)}`);
  })) as [number | null, NodeJS.Signals | null];
  if (code !== 0) throw new Error(`${program} ended with ${code ?? signal}`);
}

/** What fetch and spawn say of an end of theirs is "fetch failed" and "aborted". */
function whyOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === "TimeoutError" || error.name === "AbortError") return `not done within ${SEND_MS / 1000} s`;
  const { cause = error } = error;
  // Of a name with several addresses, each has its own failure.
  const [first = cause] = cause instanceof AggregateError ? cause.errors : [];
  return first instanceof Error ? first.message : String(first);
}
