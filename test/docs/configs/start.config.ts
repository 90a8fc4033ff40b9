import { defineConfig } from "pairloom";

/** The columns of the config that `pairloom init` writes on the page. */
export default defineConfig({
  data: { train: { path: "clicks.csv" }, label: "clicked" },
  features: [
    { kind: "id", name: "user_id", vocabulary: {} },
    { kind: "id", name: "item_id", vocabulary: {} },
    { kind: "id", name: "device", vocabulary: {} },
    { kind: "number", name: "price" },
    { kind: "ids", name: "tags", vocabulary: {} },
    { kind: "datePart", name: "hour", input: "shown_at", part: "hour", buckets: 24 },
  ],
  model: { kind: "fm", features: ["user_id", "item_id", "device"] },
});
