/** A guest in v86 with both of our devices, at its shell. Its first boot is kept, and every later one starts from there. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { deserialize, serialize } from "node:v8";
import { cached, type Say } from "@bernard/tools";
import { V86 } from "v86";
import { I6300esb, type I6300esbState, Ib700, Timeline, VirtualClock } from "../src/index.ts";
import { attachI6300esb, attachIb700, type Cpu } from "./attach.ts";
import { bufferOf, type V86Image } from "./image.ts";
import { RealTime } from "./real-time.ts";

/** v86 puts the initramfs at 64 MiB. */
const MEMORY = 128 * 1024 * 1024;
const VGA_MEMORY = 2 * 1024 * 1024;
const KERNEL_ARGUMENTS = "console=ttyS0 nokaslr mitigations=off panic=0";

/** Milliseconds in which a boot, or a command, must end. */
const BOOT_MS = 240_000;
const COMMAND_MS = 60_000;

/** Milliseconds between two looks at what is waited for. */
const LOOK = 10;

/** What the kept boot depends on besides: the device that firmware and kernel have seen, and how they saw it. */
const DEVICE_FILES = ["attach.ts", "../src/i6300esb.ts", "../src/pci-config-space.ts"];

/** A guest that has just booted, no driver loaded. */
interface Booted {
  readonly machine: ArrayBuffer;
  readonly i6300esb: I6300esbState;
}

export class V86Guest {
  readonly clock: VirtualClock;
  readonly i6300esb: I6300esb;
  readonly ib700: Ib700;
  /** When each fire was, by the guest's clock. */
  readonly fires: bigint[] = [];
  readonly #timeline = new Timeline();
  readonly #time: RealTime;
  readonly #emulator: V86;
  #output = "";
  #commands = 0;

  private constructor(emulator: V86) {
    this.clock = new VirtualClock(this.#timeline);
    const fire = () => this.fires.push(this.clock.now);
    this.i6300esb = new I6300esb(this.clock, { fire });
    this.ib700 = new Ib700(this.clock, { fire });
    this.#time = new RealTime(this.#timeline);
    this.#emulator = emulator;
    emulator.add_listener("serial0-output-byte", (byte: number) => {
      this.#output += String.fromCharCode(byte);
    });
  }

  /** Powers a guest on; it has booted when this returns. `fired`: the i6300esb remembers a fire, as it does over a reset. */
  static async start(image: V86Image, say: Say, { fired = false } = {}): Promise<V86Guest> {
    const booted = await bootOnce(image, say);
    const guest = await V86Guest.#create(image);
    await guest.#emulator.restore_state(booted.machine);
    guest.i6300esb.restore({ ...booted.i6300esb, fired });
    guest.#attach()();
    await guest.#emulator.run();
    return guest;
  }

  /** Runs a line of shell and returns what it printed; throws unless it succeeds. */
  async shell(line: string): Promise<string> {
    const mark = `done-${++this.#commands}`;
    this.#output = "";
    this.#emulator.serial0_send(`{ ${line}\n}; echo ${mark}-$?\n`);
    const end = new RegExp(`${mark}-(\\d+)\\s`);
    await this.#until(() => end.test(this.#output), COMMAND_MS, line);
    const status = end.exec(this.#output)?.[1];
    const printed = this.#output.slice(0, this.#output.indexOf(`${mark}-`)).replaceAll("\r", "");
    const text = printed.replaceAll(/^(\/ # |> )+/gm, "").trim(); // the shell's prompts
    if (status !== "0") throw new Error(`in the guest, ${line} ends with ${status}: ${text}`);
    return text;
  }

  /** Waits until `met`, which is asked again and again, comes true of the devices. */
  async until(met: () => boolean, what: string): Promise<void> {
    await this.#until(met, COMMAND_MS, what);
  }

  /** Pulls the plug. */
  async end(): Promise<void> {
    this.#time.end();
    await this.#emulator.destroy();
  }

  static async #create(image: V86Image): Promise<V86Guest> {
    const emulator = new V86({
      wasm_path: image.wasm,
      bios: await bufferOf(image.bios),
      vga_bios: await bufferOf(image.vgaBios),
      bzimage: await bufferOf(image.kernel),
      initrd: await bufferOf(image.initrd),
      cmdline: KERNEL_ARGUMENTS,
      memory_size: MEMORY,
      vga_memory_size: VGA_MEMORY,
      disable_speaker: true,
      autostart: false,
    });
    await new Promise<void>((resolve) => emulator.add_listener("emulator-ready", resolve));
    return new V86Guest(emulator);
  }

  static async boot(image: V86Image): Promise<Booted> {
    const guest = await V86Guest.#create(image);
    try {
      guest.#attach();
      await guest.#emulator.run();
      await guest.#until(() => guest.#output.includes("READY"), BOOT_MS, "the boot");
      await guest.shell("true");
      await guest.#emulator.stop();
      return { machine: await guest.#emulator.save_state(), i6300esb: guest.i6300esb.state() };
    } finally {
      await guest.end();
    }
  }

  #attach(): () => void {
    // v86.d.ts tells nothing of the inside.
    const { cpu } = (this.#emulator as unknown as { readonly v86: { readonly cpu: Cpu } }).v86;
    const catchUp = () => this.#time.catchUp();
    attachIb700(cpu, this.ib700, catchUp);
    return attachI6300esb(cpu, this.i6300esb, catchUp);
  }

  async #until(met: () => boolean, within: number, what: string): Promise<void> {
    for (const end = performance.now() + within; !met(); await setTimeout(LOOK)) {
      if (performance.now() < end) continue;
      throw new Error(`no sign of ${what} in ${within / 1000} s; the guest's last words: ${this.#output}`);
    }
  }
}

async function bootOnce(image: V86Image, say: Say): Promise<Booted> {
  const dir = await cached(
    {
      name: "v86-booted",
      inputs: [KERNEL_ARGUMENTS, String(MEMORY)],
      files: [...Object.values(image), ...DEVICE_FILES.map((file) => join(import.meta.dirname, file))],
      build: async (dir) => writeFile(join(dir, "state"), serialize(await V86Guest.boot(image))),
    },
    say,
  );
  return deserialize(await readFile(join(dir, "state"))) as Booted;
}
