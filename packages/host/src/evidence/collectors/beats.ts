/** The guest's last beats as a table of numbers. */
import { type Collector, jsonPiece } from "../collector.ts";

export const beats: Collector = {
  name: "beats",
  async collect({ said, now }) {
    const table = said?.beats.table(now);
    return table === undefined || table.rows.length === 0 ? undefined : jsonPiece("beats.json", table);
  },
};
