/** `bernard` in a checkout: what an installed one has, and the demo, which builds its guest from the sources. */
import { commands } from "./commands/index.ts";
import { runProgram } from "./program.ts";

await runProgram({ ...commands, demo: async () => (await import("./commands/demo.ts")).demoCommand() });
