/** What every package of `bernard` has in common. */
import type { Product } from "@bernard/tools/packaging";

export const PRODUCT: Omit<Product, "version" | "time" | "entries" | "script"> = {
  name: "bernard",
  summary: "self-rescue for KVM virtual machines: the host's side",
  description: [
    "Tells which guests of this host are protected by a watchdog device, gives",
    "them one, and sees, explains and keeps every incident: which guests fired,",
    "hung, looped or are unprotected, and why. It looks only, and touches no",
    "guest by itself.",
    "",
    "The runtime (Node.js) is inside.",
  ],
  license: "Apache-2.0 AND MIT AND ISC AND BSD-3-Clause AND MIT-0",
  formers: [],
  // What Node's own binaries are linked against, by the symbol versions that they name.
  needs: {
    deb: ["libc6 (>= 2.28)", "libgcc-s1 | libgcc1", "libstdc++6 (>= 8)"],
    rpm: ["libc.so.6(GLIBC_2.28)(64bit)", "libgcc_s.so.1()(64bit)", "libstdc++.so.6(GLIBCXX_3.4.21)(64bit)"],
  },
};
