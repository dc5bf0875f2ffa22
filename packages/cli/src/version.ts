/** The version of `bernard`: what `--version` and the daemon tell, and the packages are named by. */
export const VERSION = "0.1.0";
