import { z } from "zod";
import { MONITORED_METRICS } from "./metrics.js";

const name = z.enum(MONITORED_METRICS);

/** A metric name in a config: `auc`, or with several labels `<label>.auc`. */
export const watchedMetricSchema = z.union([name, z.templateLiteral([z.string().min(1), ".", name])]);
