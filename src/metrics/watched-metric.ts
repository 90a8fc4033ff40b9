import { z } from "zod";
import { MONITORED_METRICS } from "./metrics.js";

const name = z.enum(MONITORED_METRICS);

/** A metric of a config: `auc`, of one of several labels `<label>.auc`. */
export const watchedMetricSchema = z.union([name, z.templateLiteral([z.string().min(1), ".", name])]);
