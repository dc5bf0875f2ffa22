/** Listens on a guest's channel until bernard-guest says that it feeds, for as long as its beats may be apart. */

import type { Duplex } from "node:stream";
import { setTimeout as later } from "node:timers/promises";
import type { Guest, Hardware, Hypervisor } from "@bernard/hypervisor";
import { isFailure } from "@bernard/hypervisor";
import { BEAT_INTERVAL_S, CHANNEL_NAME, ChannelReader } from "@bernard/protocol";
import type { Heard } from "./facts.ts";

/** Milliseconds: a beat, and what a busy guest and host add to it. */
const LISTEN_MS = (BEAT_INTERVAL_S + 2) * 1000;

export async function listen(hypervisor: Hypervisor, guest: Guest, hardware: Hardware): Promise<Heard> {
  const known = hardware.channels.find(({ name }) => name === CHANNEL_NAME);
  if (known === undefined || (guest.state !== "running" && guest.state !== "paused")) return { state: "unasked" };
  if (!hypervisor.abilities.has("channel")) return { state: "forbidden" };
  let channel: Duplex;
  try {
    channel = await hypervisor.channel(guest, CHANNEL_NAME);
  } catch (error) {
    if (isFailure(error, "busy")) return { state: "taken" };
    if (isFailure(error, "denied")) return { state: "forbidden" };
    throw error;
  }
  try {
    if (known.open === false) return { state: "closed" };
    if (guest.state !== "running") return { state: "unasked" };
    const heard = await untilFed(channel);
    // Of a channel that was plugged in, libvirt says nothing until a program opens it: silence then is nobody's.
    return heard.state === "silent" && known.open === undefined ? { state: "closed" } : heard;
  } finally {
    channel.destroy();
  }
}

/** What bernard-guest said at last: the device may take its first feed only after the first beat. */
async function untilFed(channel: Duplex): Promise<Heard> {
  const reader = new ChannelReader();
  const over = new AbortController();
  let heard: Heard = { state: "silent" };
  channel.on("error", () => over.abort());
  channel.on("close", () => over.abort());
  channel.on("data", (chunk: Buffer) => {
    for (const message of reader.push(chunk, performance.now())) {
      if (message.type === "beat") heard = { state: "beat", feeds: message.feeds };
      if (message.type === "bye") heard = { state: "closed" };
      if (message.type === "beat" && message.feeds > 0) over.abort();
    }
  });
  await later(LISTEN_MS, undefined, { signal: over.signal }).catch(() => {});
  return heard;
}
