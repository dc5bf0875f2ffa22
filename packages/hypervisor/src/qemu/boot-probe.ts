/**
 * The smallest guest worth booting: firmware that goes the way every 64-bit kernel goes (real mode, protected mode, paging,
 * long mode), runs twenty million turns of a loop there, and ends QEMU with a known exit code.
 *
 * The loop is the point. Some machines have a /dev/kvm that only emulates a guest's kernel mode, instruction by instruction:
 * all instructions work, and a boot takes minutes to hours. Measured there: a million turns a second. A processor of its own
 * needs some 0.01 s for the loop, and TCG 0.1 s.
 * Instructions: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2; the mode switches: volume 3, 10.9 and 10.8.5.
 */

/** QEMU maps firmware of this size so that it ends at 4 GiB, and once more so that it ends at 1 MiB. */
const ROM_BYTES = 0x1_0000;

/** What the program writes to the exit device, and the exit code that QEMU makes of it. */
const EXIT_VALUE = 0x2a;
export const PROBE_EXIT_CODE = (EXIT_VALUE << 1) | 1;

/** The device that the guest needs beside its firmware. */
export const PROBE_DEVICE = "isa-debug-exit,iobase=0xf4,iosize=1";

/** Offsets in the ROM; in memory below 1 MiB each is 0xf0000 higher. */
const PROGRAM_AT = 0xff00;
const GDT_AT = 0xffa0;
const GDT_POINTER_AT = 0xffc0;
/** Where the processor starts: 16 bytes before 4 GiB. */
const RESET_VECTOR_AT = 0xfff0;

const PROGRAM = [
  // Real mode, at ff00.
  [0xfa], //                                                     cli
  [0x2e, 0x66, 0x0f, 0x01, 0x16, 0xc0, 0xff], //                 lgdtl %cs:0xffc0
  [0x66, 0xb8, 0x11, 0x00, 0x00, 0x00], //                       mov   $0x11, %eax        protection on, caches on
  [0x0f, 0x22, 0xc0], //                                         mov   %eax, %cr0
  [0x66, 0xea, 0x19, 0xff, 0x0f, 0x00, 0x08, 0x00], //           ljmpl $0x08, $0xfff19
  // Protected mode, at ff19: page tables at 1000, 2000 and 3000 map the first 2 MiB to themselves.
  [0xb0, 0x18], //                                               mov   $0x18, %al
  [0x8e, 0xd8], //                                               mov   %eax, %ds
  [0xc7, 0x05, 0x00, 0x10, 0, 0, 0x03, 0x20, 0, 0], //           movl  $0x2003, 0x1000    present, writable
  [0xc7, 0x05, 0x00, 0x20, 0, 0, 0x03, 0x30, 0, 0], //           movl  $0x3003, 0x2000
  [0xc7, 0x05, 0x00, 0x30, 0, 0, 0x83, 0x00, 0, 0], //           movl  $0x83, 0x3000      one page of 2 MiB
  [0xb8, 0x20, 0x00, 0x00, 0x00], //                             mov   $0x20, %eax        physical address extension
  [0x0f, 0x22, 0xe0], //                                         mov   %eax, %cr4
  [0xb8, 0x00, 0x10, 0x00, 0x00], //                             mov   $0x1000, %eax
  [0x0f, 0x22, 0xd8], //                                         mov   %eax, %cr3
  [0xb9, 0x80, 0x00, 0x00, 0xc0], //                             mov   $0xc0000080, %ecx  EFER
  [0x0f, 0x32], //                                               rdmsr
  [0x80, 0xcc, 0x01], //                                         or    $0x01, %ah         long mode enable
  [0x0f, 0x30], //                                               wrmsr
  [0xb8, 0x11, 0x00, 0x00, 0x80], //                             mov   $0x80000011, %eax  paging on
  [0x0f, 0x22, 0xc0], //                                         mov   %eax, %cr0
  [0xea, 0x66, 0xff, 0x0f, 0x00, 0x10, 0x00], //                 ljmp  $0x10, $0xfff66
  // Long mode, at ff66.
  [0xb9, 0x00, 0x2d, 0x31, 0x01], //                             mov   $20000000, %ecx
  [0xff, 0xc9], //                                            1: dec   %ecx
  [0x75, 0xfc], //                                               jnz   1b
  [0xb0, EXIT_VALUE], //                                         mov   $0x2a, %al
  [0xe6, 0xf4], //                                               out   %al, $0xf4
  [0xf4], //                                                     hlt
].flat();

/** Flat segments, all present and for ring 0. */
const GDT = [
  [0, 0, 0, 0, 0, 0, 0, 0],
  [0xff, 0xff, 0, 0, 0, 0x9b, 0xcf, 0], // 08: code, 32 bit, 4 GiB
  [0xff, 0xff, 0, 0, 0, 0x9b, 0xaf, 0], // 10: code, 64 bit
  [0xff, 0xff, 0, 0, 0, 0x93, 0xcf, 0], // 18: data, 4 GiB
].flat();

const GDT_POINTER = [GDT.length - 1, 0, 0xa0, 0xff, 0x0f, 0]; // its limit, then its address 0xfffa0

const RESET_VECTOR = [0xe9, 0x0d, 0xff]; // jmp to the program: 0xff00 - 0xfff3

/** The firmware image, for QEMU's `-bios`. */
export function probeFirmware(): Uint8Array {
  const rom = new Uint8Array(ROM_BYTES);
  rom.set(PROGRAM, PROGRAM_AT);
  rom.set(GDT, GDT_AT);
  rom.set(GDT_POINTER, GDT_POINTER_AT);
  rom.set(RESET_VECTOR, RESET_VECTOR_AT);
  return rom;
}
