/** One holder at a time among the processes of one checkout: a lock that the kernel releases with its process, however that ends. */
import { createHash } from "node:crypto";
import { connect, createServer } from "node:net";
import { root } from "./paths.ts";
import { errorCode, UserError } from "./user-error.ts";

/**
 * Takes the lock `name` of this checkout and returns its release. An abstract UNIX socket holds it: no file is left behind
 * by a crash (unix(7), "Abstract sockets"), and who is refused learns the holder's process id from it.
 */
export async function takeLock(name: string, hint: string): Promise<() => Promise<void>> {
  const checkout = createHash("sha256").update(root).digest("hex").slice(0, 12);
  const address = `\0bernard-${name}-${checkout}`;
  const server = createServer((socket) => {
    socket.on("error", () => {}); // a curious peer that hangs up early is no concern of the holder
    socket.end(String(process.pid));
  });
  server.unref();
  try {
    await new Promise<void>((resolve, reject) => server.once("error", reject).listen(address, resolve));
  } catch (error) {
    if (errorCode(error) !== "EADDRINUSE") throw error;
    throw new UserError(`another ${name} is running here (process ${await holder(address)})`, hint, 3);
  }
  return () => new Promise((resolve) => server.close(() => resolve()));
}

function holder(address: string): Promise<string> {
  return new Promise((resolve) => {
    let said = "";
    const socket = connect(address)
      .setTimeout(1000, () => socket.destroy()) // it is stopped: Ctrl-Z
      .on("data", (chunk) => {
        said += chunk;
      })
      .on("error", () => {})
      .on("close", () => resolve(said || "unknown"));
  });
}
