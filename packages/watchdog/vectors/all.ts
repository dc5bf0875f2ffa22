/** Every fact about every device, in the order of docs/devices.md. */
import { i6300esbVectors } from "./i6300esb.ts";
import { ib700Vectors } from "./ib700.ts";
import { itcoVectors } from "./itco.ts";
import type { Vector } from "./vector.ts";

export const vectors: readonly Vector[] = [...i6300esbVectors, ...ib700Vectors, ...itcoVectors];
