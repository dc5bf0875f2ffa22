/**
 * A kernel of a few bytes for tests of the machinery around a guest: it says "up" on the first serial port, lets whichever
 * watchdog device the guest has fire, and halts. An ib700 fires at once, an i6300esb after 2 s.
 * Header: https://docs.kernel.org/arch/x86/boot.html ("The Real-Mode Kernel Header"); ib700: port 0x443, 15 = 0 s.
 * i6300esb: PCI 8086:25ab; 16 bits at 0x60, 4 = a scale of 1 MHz; 8 bits at 0x68, 2 = enabled, with the preloads of power-on.
 */
export function tinyKernel(): Uint8Array {
  const look = [
    ...selectPci(0),
    [0x66, 0xed], // in (%dx), %eax
    [0x66, 0x3d, 0x86, 0x80, 0xab, 0x25], // cmp $0x25ab8086, %eax
  ].flat();
  const next = [
    [0x66, 0x81, 0xc3, 0x00, 0x08, 0x00, 0x00], // add $0x800, %ebx
    [0x66, 0x81, 0xfb, 0x00, 0x00, 0x00, 0x81], // cmp $0x81000000, %ebx
  ].flat();
  const start = [
    ...selectPci(0x60),
    [0xb8, 0x04, 0x00, 0xef], // mov $4, %ax; out %ax, (%dx)
    ...selectPci(0x68),
    [0xb0, 0x02, 0xee], // mov $2, %al; out %al, (%dx)
  ].flat();
  return kernel([
    ...sayUp,
    [0xba, 0x43, 0x04], // mov $0x443, %dx
    [0xb0, 0x0f, 0xee], // mov $15, %al; out %al, (%dx)
    [0x66, 0xbb, 0x00, 0x00, 0x00, 0x80], // mov $0x80000000, %ebx: function 0 of each device, on bus 0 and behind bridges
    look, // 1:
    [0x74, next.length + 4], // je 2f
    next,
    [0x72, -(look.length + next.length + 4)], // jb 1b
    [0xeb, start.length], // jmp 3f
    start, // 2:
    [0xf4, 0xeb, 0xfd], // 3: hlt; jmp 3b
  ]);
}

/**
 * One that says "up" when it heeds its power button (a press before that is lost), and ends its machine when it is pressed.
 * ACPI's ports, where SeaBIOS puts them: status at 0x600, what is noticed at 0x602 (0x100 the button), control at 0x604 (0x2000 off).
 */
export function obedientKernel(): Uint8Array {
  return kernel([
    [0xba, 0x02, 0x06], // mov $0x602, %dx
    [0xb8, 0x00, 0x01, 0xef], // mov $0x100, %ax; out %ax, (%dx)
    ...sayUp,
    [0xba, 0x00, 0x06], // mov $0x600, %dx
    [0xed, 0xf6, 0xc4, 0x01], // 1: in (%dx), %ax; test $1, %ah
    [0x74, -6], // jz 1b
    [0xba, 0x04, 0x06], // mov $0x604, %dx
    [0xb8, 0x00, 0x20, 0xef], // mov $0x2000, %ax; out %ax, (%dx)
    [0xf4, 0xeb, 0xfd], // 2: hlt; jmp 2b
  ]);
}

/** One that asks for a passphrase, and waits. */
export function promptingKernel(): Uint8Array {
  return kernel([
    ...say("Please enter passphrase for disk vda3 (root): "),
    [0xf4, 0xeb, 0xfd], // 1: hlt; jmp 1b
  ]);
}

/** One that says "up", and tells its pvpanic device that it has panicked (https://www.qemu.org/docs/master/specs/pvpanic.html). */
export function panickingKernel(): Uint8Array {
  return kernel([
    ...sayUp,
    [0xba, 0x05, 0x05], // mov $0x505, %dx
    [0xb0, 0x01, 0xee], // mov $1, %al; out %al, (%dx)
    [0xf4, 0xeb, 0xfd], // 1: hlt; jmp 1b
  ]);
}

/** One that says "up", and writes the first sector of its first disk at each tick of the BIOS's clock, by the BIOS. */
export function writingKernel(): Uint8Array {
  return kernel([
    ...sayUp,
    [0xfb, 0xf4], // 1: sti; hlt
    [0xb8, 0x01, 0x03], // mov $0x0301, %ax: write one sector
    [0xb9, 0x01, 0x00], // mov $1, %cx: cylinder 0, sector 1
    [0xba, 0x80, 0x00], // mov $0x80, %dx: head 0 of the first disk
    [0x31, 0xdb], // xor %bx, %bx
    [0xcd, 0x13], // int $0x13
    [0xeb, -17], // jmp 1b
  ]);
}

/** The image that a boot loader takes: what runs is code in real mode. */
function kernel(code: readonly (readonly number[])[]): Uint8Array {
  const image = new Uint8Array(2048);
  image[0x1f1] = 1; // one sector of setup after the boot sector; the rest is the "protected-mode kernel", which never runs
  image.set([0x55, 0xaa], 0x1fe);
  image.set([0xeb, 0x3e], 0x200); // jmp to 0x240; the processor starts here, in real mode
  image.set(ascii("HdrS"), 0x202);
  image.set([0x02, 0x02], 0x206); // boot protocol 2.02
  image[0x211] = 0x01; // loaded high
  image.set(code.flat(), 0x240);
  return image;
}

const ascii = (text: string) => Buffer.from(text, "latin1");

const say = (text: string): readonly (readonly number[])[] => [
  [0xba, 0xf8, 0x03], // mov $0x3f8, %dx
  [...ascii(text)].flatMap((letter) => [0xb0, letter, 0xee]), // mov letter, %al; out %al, (%dx)
];

const sayUp = say("up\n");

/** Lets %dx be the port of a register in the configuration of the PCI device that %ebx names. */
const selectPci = (register: number) => [
  [0xb3, register], // mov register, %bl
  [0x66, 0x89, 0xd8], // mov %ebx, %eax
  [0xba, 0xf8, 0x0c], // mov $0xcf8, %dx
  [0x66, 0xef], // out %eax, (%dx)
  [0xb2, 0xfc], // mov $0xfc, %dl
];
