/** The ways to a receiver: a webhook, a mail, a command. Each is done when the other side has taken it, and throws when it has not. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createTransport } from "nodemailer";
import type { Receiver } from "../config.ts";
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
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", "idempotency-key": alert.id },
    body: JSON.stringify(alert),
    signal: AbortSignal.timeout(SEND_MS),
    redirect: "error",
  });
  await response.body?.cancel();
  // The rest of such an address is a secret often.
  if (!response.ok) throw new Error(`${new URL(url).host} answered ${response.status}`);
}

async function mail({ server, from, to }: Extract<Receiver, { type: "email" }>, alert: Alert): Promise<void> {
  const [host, port = "25"] = server.split(":");
  const limits = { connectionTimeout: SEND_MS, greetingTimeout: SEND_MS, socketTimeout: SEND_MS };
  const transport = createTransport({ host, port: Number(port), ...limits });
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
  const [code, signal] = (await exit) as [number | null, NodeJS.Signals | null];
  if (code !== 0) throw new Error(`${program} ended with ${code ?? signal}`);
}
