/** The numbers that judgement goes by. Times in milliseconds. */
export interface Settings {
  /** Silence begins after this: three beats missed. */
  readonly silenceMs: number;
  /** Over which the guest's disks, network and processors are watched before silence is an incident (as vSphere HA does). */
  readonly crossCheckMs: number;
  /** Pressure of the host, in percent, from which on a silent guest is not blamed. */
  readonly hostPressure: number;
  /** Part of the time that a guest's processors waited for the host's, in percent, from which on it is not blamed. */
  readonly stealPercent: number;
  /** A guest that once said hello is booted by then. */
  readonly bootMs: number;
  /** How long a guest that its watchdog has paused may wait for somebody. */
  readonly pausedMs: number;
  /** The same where libvirt dumps its memory meanwhile. */
  readonly dumpMs: number;
  /** Between two questions to the emulator of a guest that is well: one that is stuck says nothing by itself. */
  readonly askMs: number;
  /** How long an emulator may leave questions unanswered. */
  readonly stuckMs: number;
  /** So many ends within that time are a loop. */
  readonly loopEnds: number;
  readonly loopMs: number;
  /** So many guests in the same trouble at a time have one cause, the host's. */
  readonly hostGuests: number;
  /** A guest that says nothing of itself is well again when so long nothing more has happened. */
  readonly calmMs: number;
}

export const DEFAULTS: Settings = {
  silenceMs: 30_000,
  crossCheckMs: 120_000,
  hostPressure: 40,
  stealPercent: 20,
  bootMs: 600_000,
  pausedMs: 30_000,
  dumpMs: 600_000,
  askMs: 60_000,
  stuckMs: 30_000,
  loopEnds: 3,
  loopMs: 3_600_000,
  hostGuests: 3,
  calmMs: 60_000,
};
