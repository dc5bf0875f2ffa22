/** Version of bernard-guest, as the channel's hello and `--version` tell it. */
export const VERSION = "0.1.0";
