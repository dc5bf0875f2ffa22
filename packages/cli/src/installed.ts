/** `bernard` as packages install it. */
import { commands } from "./commands/index.ts";
import { runProgram } from "./program.ts";

await runProgram(commands);
