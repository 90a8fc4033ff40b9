import type { TrainInput } from "../train/train-config.js";
import type { IdFeatures } from "./id-features.js";
import type { Section } from "./section.js";

/** `model_config.losses` and `num_class`. @throws ImportError */
export function mapLoss(model: Section, ids: IdFeatures): Pick<TrainInput, "loss" | "metric"> {
  const losses = model.sections("losses");
  if (losses.length > 1)
    throw model.error("losses", { what: "several losses have no counterpart", next: "Keep one of them." });
  const [loss] = losses;
  const name = loss?.which("loss") ?? "binary_cross_entropy";
  if (!loss?.has(name)) model.warn("losses", "name no loss; it is binary_cross_entropy");
  const settings = loss?.section(name);
  const classes = model.number("num_class")!;
  switch (name) {
    case "binary_cross_entropy": {
      checkClasses(model, classes, 1, name);
      const labelSmoothing = settings?.number("label_smoothing") ?? 0;
      return labelSmoothing !== 0 ? { loss: { kind: "binaryCrossEntropy", labelSmoothing } } : {};
    }
    case "binary_focal_loss": {
      checkClasses(model, classes, 1, name);
      const [gamma, alpha] = [settings!.number("gamma")!, settings!.number("alpha")!];
      return { loss: { kind: "focal", gamma, alpha } };
    }
    case "softmax_cross_entropy": {
      if (classes < 2) checkClasses(model, classes, 2, name);
      const labelSmoothing = settings!.number("label_smoothing")!;
      const smoothed = labelSmoothing !== 0 ? { labelSmoothing } : {};
      return { loss: { kind: "softmaxCrossEntropy", classes, ...smoothed } };
    }
    case "jrc_loss": {
      checkClasses(model, classes, 2, name);
      const session = ids.named(settings!, "session_name");
      const alpha = settings!.number("alpha");
      return { loss: { kind: "jrc", session, ...(alpha !== undefined && { alpha }) } };
    }
    case "l2_loss":
      checkClasses(model, classes, 1, name);
      return { loss: { kind: "squaredError" }, metric: "meanSquaredError" };
    default:
      throw loss.unsupported(name, "Use a loss of ranking models.");
  }
}

/** The check of TorchEasyRec. */
function checkClasses(model: Section, classes: number, expected: number, loss: string): void {
  if (classes === expected) return;
  throw model.error("num_class", {
    what: `does not fit ${loss}`,
    got: String(classes),
    expected: loss === "softmax_cross_entropy" ? `${expected} or more` : String(expected),
    next: "Change num_class, or use another loss.",
  });
}
