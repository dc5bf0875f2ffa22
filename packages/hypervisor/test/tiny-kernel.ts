/**
 * A kernel of a few bytes for tests of the machinery around a guest: it says "up" on the first serial port, starts the ib700
 * with no time left, so that it fires at once, and halts.
 * Header: https://docs.kernel.org/arch/x86/boot.html ("The Real-Mode Kernel Header"); ib700: port 0x443, 15 = 0 s.
 */
export function tinyKernel(): Uint8Array {
  const image = new Uint8Array(2048);
  const ascii = (text: string) => Buffer.from(text, "latin1");
  image[0x1f1] = 1; // one sector of setup after the boot sector; the rest is the "protected-mode kernel", which never runs
  image.set([0x55, 0xaa], 0x1fe);
  image.set([0xeb, 0x3e], 0x200); // jmp to 0x240; the processor starts here, in real mode
  image.set(ascii("HdrS"), 0x202);
  image.set([0x02, 0x02], 0x206); // boot protocol 2.02
  image[0x211] = 0x01; // loaded high
  const code = [
    [0xba, 0xf8, 0x03], // mov $0x3f8, %dx
    [...ascii("up\n")].flatMap((letter) => [0xb0, letter, 0xee]), // mov letter, %al; out %al, (%dx)
    [0xba, 0x43, 0x04], // mov $0x443, %dx
    [0xb0, 0x0f, 0xee], // mov $15, %al; out %al, (%dx)
    [0xf4, 0xeb, 0xfd], // 1: hlt; jmp 1b
  ];
  image.set(code.flat(), 0x240);
  return image;
}
