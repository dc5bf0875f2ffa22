/** What Bernard does on a host. */
export {};
