/** Firmware of our own that halts at the processor's first instruction, so that nobody but the test touches the devices. */

/** The processor starts 16 bytes below the end: cli; hlt; and back to the hlt should anything wake it. */
const HALT = Uint8Array.of(0xfa, 0xf4, 0xeb, 0xfd);

export function bootImage(): Uint8Array {
  const image = new Uint8Array(0x10000);
  image.set(HALT, image.length - 16);
  return image;
}
