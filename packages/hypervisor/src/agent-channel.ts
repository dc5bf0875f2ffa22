/** qemu-guest-agent's channel, by the name that QEMU, libvirt and the agent itself look for. */
export const AGENT_CHANNEL = "org.qemu.guest_agent.0";
