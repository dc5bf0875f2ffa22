/** Watches the sockets in a folder: which are there, and which have come, changed or gone. */
import { type FSWatcher, watch } from "node:fs";
import { access, constants, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { printable } from "@bernard/protocol";
import { errorCode } from "@bernard/tools";
import { HypervisorError } from "../errors.ts";

/** Milliseconds between two looks where nothing is told: the folder may have been made anew, or the kernel's queue been full. */
const LOOK_MS = 10_000;

/** Gets the paths of all sockets, and of those that something has happened to. */
type SocketListener = (sockets: readonly string[], touched: ReadonlySet<string>) => void;

export class SocketDirectory {
  readonly #path: string;
  readonly #changed: SocketListener;
  #touched = new Set<string>();
  #watcher: FSWatcher | undefined;
  #inode = 0;
  #timer: NodeJS.Timeout | undefined;
  #last: Promise<void> = Promise.resolve();
  #next: Promise<void> | undefined;
  #closed = false;

  private constructor(path: string, changed: SocketListener) {
    this.#path = path;
    this.#changed = changed;
  }

  /**
   * @param changed called at once, and whenever something has happened
   * @throws HypervisorError where the folder cannot be read
   */
  static async open(path: string, changed: SocketListener): Promise<SocketDirectory> {
    const directory = new SocketDirectory(path, changed);
    try {
      await access(`${path}/.`, constants.R_OK | constants.X_OK);
      await directory.#read();
    } catch (error) {
      directory.close();
      throw unreadable(path, error);
    }
    directory.#timer = setInterval(() => directory.look(), LOOK_MS);
    return directory;
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#timer);
    this.#watcher?.close();
  }

  /** Looks what is there now; a folder that cannot be read may be there again at the next look. */
  look(): Promise<void> {
    this.#next ??= this.#last.then(() => {
      this.#next = undefined;
      this.#last = this.#read().catch(() => {});
      return this.#last;
    });
    return this.#next;
  }

  async #read(): Promise<void> {
    if (this.#closed) return;
    const { ino } = await stat(this.#path);
    if (ino !== this.#inode) this.#watch(ino);
    const touched = this.#touched;
    this.#touched = new Set();
    const entries = await readdir(this.#path, { withFileTypes: true });
    if (this.#closed) return;
    const sockets = entries.filter((entry) => entry.isSocket()).map(({ name }) => join(this.#path, name));
    this.#changed(sockets, touched);
  }

  #watch(inode: number): void {
    this.#watcher?.close();
    this.#watcher = watch(this.#path, (_, name) => {
      if (name !== null) this.#touched.add(join(this.#path, name));
      this.look();
    });
    this.#watcher.on("error", () => {}); // the next look finds what it would have told
    this.#inode = inode;
  }
}

function unreadable(path: string, error: unknown): unknown {
  const where = printable(path);
  switch (errorCode(error)) {
    case "ENOENT":
      return new HypervisorError("unreachable", `there is no folder ${where}`, {
        hint: "make it, and give each guest a QMP socket in it: see docs/host/qemu-sockets.md",
        cause: error,
      });
    case "ENOTDIR":
      return new HypervisorError("unreachable", `${where} is no folder`, {
        hint: "name the folder that the QMP sockets are in",
        cause: error,
      });
    case "EACCES":
    case "EPERM":
      return new HypervisorError("denied", `no permission to read the folder ${where}`, {
        hint: "run this as its owner, or as root",
        cause: error,
      });
    case "EMFILE":
    case "ENOSPC":
      return new HypervisorError("failed", `the folder ${where} cannot be watched: this user watches too many`, {
        hint: "raise fs.inotify.max_user_instances and max_user_watches (sysctl)",
        cause: error,
      });
    default:
      return error instanceof Error
        ? new HypervisorError("unreachable", printable(`${path} cannot be watched: ${error.message}`), { cause: error })
        : error;
  }
}
