/** Where things are in the repository. */
import { join } from "node:path";

/** The repository's root folder. */
export const root = join(import.meta.dirname, "../..");

/** Everything that is built goes here; deleting it is always safe. */
export const buildRoot = join(root, "build");
