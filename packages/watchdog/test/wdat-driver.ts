/** A driver that knows nothing of the device but its table, as Linux's wdat_wdt does, on our model. */
import { q35Wdat, readWdat, type WdatAction, type WdatEntry, writeWdat } from "../src/index.ts";
import { Model } from "../vectors/model.ts";

type Field = WdatEntry["field"];

export class WdatDriver {
  readonly #wdat = readWdat(writeWdat(q35Wdat));
  readonly #model = new Model("10.2");

  /** Linux rounds down. */
  setTimeout(seconds: number): void {
    this.run("set countdown", Math.floor((seconds * 1000) / this.#wdat.periodMs));
  }

  timeLeft(): number {
    return (this.ask("get remaining") * this.#wdat.periodMs) / 1000;
  }

  start(): void {
    this.run("run");
  }

  stop(): void {
    this.run("stop");
  }

  feed(): void {
    this.run("feed");
  }

  ask(action: WdatAction): number {
    return this.run(action);
  }

  /** @returns what the last instruction has read */
  run(action: WdatAction, count = 0): number {
    let result = 0;
    for (const { instruction, preserve, field, value, mask } of this.#wdat.entries.filter(
      (it) => it.action === action,
    )) {
      const read = (this.#read(field) >> field.bitOffset) & mask;
      const written = (instruction === "write count" ? count : value) & mask;
      const kept = preserve ? this.#read(field) & ~(mask << field.bitOffset) : 0;
      if (instruction === "read value") result = read === value ? 1 : 0;
      else if (instruction === "read count") result = read;
      else this.#write(field, kept | (written << field.bitOffset));
    }
    return result;
  }

  /** @returns how often it fires meanwhile */
  pass(ns: bigint): number {
    return this.#model.pass(ns).length;
  }

  reset(): void {
    this.#model.reset();
  }

  /** STS2, past the table. */
  status2(): number {
    return this.#model.bus.readPort(0x666, 2);
  }

  #read({ space, address, bytes }: Field): number {
    const { bus } = this.#model;
    return space === "io" ? bus.readPort(Number(address), bytes) : Number(bus.readMemory(Number(address), bytes));
  }

  #write({ space, address, bytes }: Field, value: number): void {
    const { bus } = this.#model;
    if (space === "io") bus.writePort(Number(address), bytes, value);
    else bus.writeMemory(Number(address), bytes, BigInt(value));
  }
}
