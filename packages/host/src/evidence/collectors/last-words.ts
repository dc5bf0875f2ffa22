/** What the guest's daemon said last of its end. */
import { type Collector, jsonPiece } from "../collector.ts";

export const lastWords: Collector = {
  name: "last words",
  async collect({ said }) {
    return said?.lastWords && jsonPiece("last-words.json", said.lastWords);
  },
};
