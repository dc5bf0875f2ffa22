/** What the C host lends the program; host/host.c says what each does. */
declare function sys(nr: number, where: number, ...args: number[]): number;
declare function read(path: number, at: number, size: number): number;
declare function now(): number;
declare function hear(fd: number, at: number, size: number, from: number): number;
declare function exec(at: number, count: number): number;
declare function address(bytes: Uint8Array): number;
declare const args: readonly string[];
