/** The option `--connect` of every command that speaks to a hypervisor. */
import { Option } from "commander";

/** As libvirt's own clients: the environment's word, else the system's guests. */
export const connectOption = (): Option =>
  new Option("--connect <uri>", "which hypervisor: qemu:///system, qemu+ssh://HOST/system, qmp:///FOLDER").default(
    process.env.LIBVIRT_DEFAULT_URI || "qemu:///system",
  );
