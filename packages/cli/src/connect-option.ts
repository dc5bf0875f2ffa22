/** The option `--connect` of every command that speaks to a hypervisor. */
import { Option } from "commander";

const SYSTEM = "qemu:///system";

/** As libvirt's own clients: the environment's word, else the system's guests. */
export const connectOption = (): Option =>
  new Option("--connect <uri>", `which hypervisor: ${SYSTEM}, qemu+ssh://HOST/system, qmp:///FOLDER`).default(
    process.env.LIBVIRT_DEFAULT_URI || SYSTEM,
    `LIBVIRT_DEFAULT_URI, else ${SYSTEM}`,
  );
