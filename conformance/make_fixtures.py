"""Writes conformance/fixtures: what PyTorch computes for small models, to hold Pairloom's executors against.

Everything is computed in float64 from values that float32 represents exactly, so that a comparison with a float32
executor at 1e-5 sees the executor's rounding and not PyTorch's. One safetensors file a model:

    data/<input>                  columns of ROWS rows (bags: data/<input>/values, data/<input>/offsets, and data/<input>/weights)
    weights/<parameter>           before training
    logits, loss, grad/<name>     of one training step over all rows, before any update
    <run>/weights/<parameter>     after STEPS steps of BATCH rows in order, over and over
    <run>/logits                  of all rows then, in inference

and specs.json: the models, their features and the optimizers of each run, as Pairloom's config has them.
Usage: python conformance/make_fixtures.py [MODEL...]   (torch, numpy, safetensors); by default all models
"""

import json
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
import torch.nn.functional as F
from fixture_deepfm import DEEPFM, DEEPFM_WEIGHTS
from fixture_family import FAMILY, FAMILY_WEIGHTS
from fixture_models import MODELS, Step
from fixture_sequences import add_encoders, encoded_width, lengths
from fixture_specs import BASE_RUNS, RUNS, SPECS
from safetensors.numpy import save_file

ROWS, BATCH, STEPS = 60, 16, 20
OUT = Path(__file__).parent / "fixtures"

# --- data and weights ---


def make_data(spec, rng):
    # One in four: near half, the gradients of biases would cancel to little more than rounding.
    data = {"@label": column(rng.random((ROWS, 1)) < 0.25)}
    if spec.get("weighted"):
        data["@weight"] = column(rng.uniform(0.5, 2, (ROWS, 1)))
    counts = {}
    for f in spec["features"]:
        if f["kind"] == "number":
            data[f["name"]] = column(rng.normal(size=(ROWS, f["width"])))
        elif f["kind"] == "id":
            # The last row is never looked up: lazy optimizers must leave it alone, others must not.
            data[f["name"]] = torch.tensor(rng.integers(0, f["rows"] - 1, ROWS))
        elif "sequence" in f:
            if f["sequence"] not in counts:
                counts[f["sequence"]] = lengths(rng, ROWS, spec.get("longest"))
            data[f["name"]] = [rng.integers(0, f["rows"] - 1, n).tolist() for n in counts[f["sequence"]]]
        else:
            data[f["name"]] = [rng.integers(0, f["rows"] - 1, rng.integers(0, 4)).tolist() for _ in range(ROWS)]
    for name in spec.get("weightedBags", []):
        weights = lambda bag: rng.uniform(-0.5, 2, len(bag)).astype(np.float32).tolist()
        data[f"{name}/weights"] = [weights(bag) for bag in data[name]]
    return data


def column(values):
    return torch.tensor(values.astype(np.float32), dtype=torch.float64)


def make_weights(spec, rng):
    model, weights = spec["model"], {}
    dims = {f["name"]: f for f in spec["features"]}
    kind = model["kind"]

    def add(name, *shape, offset=0.0, scale=0.4):
        weights[name] = column(offset + scale * rng.normal(size=shape))

    def add_mlp(name, width, config):
        for i, units in enumerate(config["hiddenUnits"]):
            add(f"{name}.{i}.weight", units, width)
            if config.get("bias", True):
                add(f"{name}.{i}.bias", units)
            norm = config.get("norm", "none")
            if norm != "none":
                add(f"{name}.{i}.norm.gamma", units, offset=1.0, scale=0.2)
                add(f"{name}.{i}.norm.beta", units)
            if norm == "batch":
                add_running(f"{name}.{i}.norm", units)
            activation = config.get("activation")
            settings = activation if isinstance(activation, dict) else {}
            activation = settings.get("kind", activation)
            if activation in ("prelu", "dice"):
                add(f"{name}.{i}.{activation}.alpha", *([1, 1] if settings.get("shared") else [units]))
            if activation == "dice" and settings.get("affine", True):
                add(f"{name}.{i}.dice.norm.gamma", units, offset=1.0, scale=0.2)
                add(f"{name}.{i}.dice.norm.beta", units)
            if activation == "dice":
                add_running(f"{name}.{i}.dice.norm", units)
            width = units
        return width

    def add_running(name, units):
        weights[f"{name}.running_mean"] = torch.zeros(units, dtype=torch.float64)
        weights[f"{name}.running_variance"] = torch.ones(units, dtype=torch.float64)

    def add_dense_embedding(name, dim, config, width):
        if config["kind"] == "mlp":
            return add(f"{name}.weight", dim, width)
        add(f"{name}.scale.weight", config["channels"], 1, scale=1.0)
        add(f"{name}.mix.weight", config["channels"], config["channels"])
        add(f"{name}.meta.weight", dim, config["channels"])

    def add_tables(tables, dim):
        for f in spec["features"]:
            if f["kind"] != "number" and f"{tables}.{f['table']}.weight" not in weights:
                add(f"{tables}.{f['table']}.weight", f["rows"], dim)

    is_number = lambda f: f["kind"] == "number" and "denseEmbedding" not in f
    numbers = sum(f["width"] for f in spec["features"] if is_number(f))
    for f in spec["features"]:
        if "denseEmbedding" in f:
            add_dense_embedding(f"dense_embeddings.{f['name']}", model["embeddingDim"], f["denseEmbedding"], f["width"])
    if "embeddingDim" in model:
        add_tables("embeddings", model["embeddingDim"])

    def group_width(names):
        return sum(dims[n]["width"] if is_number(dims[n]) else model["embeddingDim"] for n in names)

    def add_first_order(dim):
        add_tables("linear", dim)
        add("linear.bias", 1)
        if numbers:
            add("linear.weight", 1, numbers)

    if kind in ("logisticRegression", "fm", "matrixFactorization"):
        add_first_order(1)
    if kind == "mlp":
        embedded = sum(model["embeddingDim"] for f in spec["features"] if f["kind"] != "number" and "sequence" not in f)
        encoders = model.get("sequences", [])
        add_encoders(add, add_mlp, encoders, "sequences", model.get("embeddingDim"))
        width = add_mlp("mlp", embedded + numbers + encoded_width(encoders, model.get("embeddingDim")), model["mlp"])
        add("output.weight", 1, width), add("output.bias", 1)
    if kind == "dlrm":
        groups = {name: model[name].get("sequences", []) for name in ("dense", "sparse")}
        for name, encoders in groups.items():
            add_encoders(add, add_mlp, encoders, f"{name}_sequences", model["embeddingDim"])
        width = group_width(model["dense"]["features"]) + encoded_width(groups["dense"], model["embeddingDim"])
        dim = add_mlp("dense_mlp", width, model["dense"]["mlp"])
        sparse = len(model["sparse"]["features"]) + len(groups["sparse"])
        fields = 1 + sparse
        seen = fields * (fields - 1) // 2 + dim + (sparse * dim if model["archWithSparse"] else 0)
        width = add_mlp("final_mlp", seen, model["final"])
        add("output.weight", 1, width), add("output.bias", 1)
    others = {**FAMILY_WEIGHTS, **DEEPFM_WEIGHTS}
    if kind in others:
        categorical = [f["name"] for f in spec["features"] if not is_number(f)]
        family = SimpleNamespace(
            add=add, mlp=add_mlp, running=add_running, tables=add_tables, first_order=add_first_order, numbers=numbers,
            categorical=categorical, width=group_width,
        )
        others[kind](family, model)
    return weights


# --- training ---


class RowWiseAdagrad:
    """FBGEMM's EXACT_ROWWISE_ADAGRAD: duplicates summed, one sum a row of the mean square of its gradient."""

    def __init__(self, tables, lr, eps, initial):
        self.tables, self.lr, self.eps = tables, lr, eps
        self.sums = [torch.full((len(t),), initial, dtype=torch.float64) for t in tables]

    def zero_grad(self):
        for table in self.tables:
            table.grad = None

    @torch.no_grad()
    def step(self):
        for table, total in zip(self.tables, self.sums):
            total += table.grad.square().mean(1)
            table -= self.lr * table.grad / (total.sqrt() + self.eps)[:, None]


class Lamb:
    """You et al. 2020, algorithm 2, with a row of a table as a layer."""

    def __init__(self, tables, lr, beta1, beta2, eps, decay, l2):
        self.tables, self.settings, self.t = tables, (lr, beta1, beta2, eps, decay, l2), 0
        self.moments = [(torch.zeros_like(t), torch.zeros_like(t)) for t in tables]

    zero_grad = RowWiseAdagrad.zero_grad

    @torch.no_grad()
    def step(self):
        lr, beta1, beta2, eps, decay, l2 = self.settings
        self.t += 1
        for table, (m, v) in zip(self.tables, self.moments):
            g = table.grad + l2 * table
            m += (1 - beta1) * (g - m)
            v += (1 - beta2) * (g * g - v)
            r = m / (1 - beta1**self.t) / ((v / (1 - beta2**self.t)).sqrt() + eps) + decay * table
            table -= lr * (table.norm(dim=1) / r.norm(dim=1))[:, None] * r


class PartialRowWiseAdam:
    """FBGEMM's PARTIAL_ROWWISE_ADAM: Adam whose second moment is one number a row."""

    def __init__(self, tables, lr, beta1, beta2, eps, l2):
        self.tables, self.settings, self.t = tables, (lr, beta1, beta2, eps, l2), 0
        self.moments = [(torch.zeros_like(t), torch.zeros_like(t[:, :1])) for t in tables]

    zero_grad = RowWiseAdagrad.zero_grad

    @torch.no_grad()
    def step(self):
        lr, beta1, beta2, eps, l2 = self.settings
        self.t += 1
        for table, (m, v) in zip(self.tables, self.moments):
            g = table.grad + l2 * table
            m += (1 - beta1) * (g - m)
            v += (1 - beta2) * (g.square().mean(1, keepdim=True) - v)
            table -= lr * m / (1 - beta1**self.t) / ((v / (1 - beta2**self.t)).sqrt() + eps)


def optimizer(weights, config, l2):
    kind, lr = config["kind"], config["learningRate"]
    if kind == "rmsprop":
        return torch.optim.RMSprop(weights, lr, config["decay"], config["eps"], weight_decay=l2)
    if kind == "adadelta":
        return torch.optim.Adadelta(weights, lr, config["decay"], config["eps"], weight_decay=l2)
    if kind in ("lamb", "partialRowWiseAdam"):
        moments = [config[key] for key in ("beta1", "beta2", "eps")]
        if kind == "lamb":
            return Lamb(weights, lr, *moments, config["weightDecay"], l2)
        return PartialRowWiseAdam(weights, lr, *moments, l2)
    if kind == "sgd":
        return torch.optim.SGD(weights, lr, weight_decay=l2)
    if kind == "momentum":
        own = {key: config[key] for key in ("momentum", "dampening", "nesterov")}
        return torch.optim.SGD(weights, lr, weight_decay=l2, **own)
    if kind == "adagrad":
        start = config["initialAccumulator"]
        return torch.optim.Adagrad(weights, lr, eps=config["eps"], initial_accumulator_value=start, weight_decay=l2)
    if kind == "rowWiseAdagrad":
        return RowWiseAdagrad(weights, lr, config["eps"], config["initialAccumulator"])
    adam = {"lr": lr, "betas": (config["beta1"], config["beta2"]), "eps": config["eps"]}
    if kind == "adamw":
        return torch.optim.AdamW(weights, **adam, weight_decay=config["weightDecay"])
    if config.get("lazy"):
        return torch.optim.SparseAdam(weights, **adam)
    return torch.optim.Adam(weights, **adam, weight_decay=l2)


def is_table(name):
    return name.startswith(("embeddings.", "embeddings_fm.", "wide_embeddings.")) or (name.startswith("linear.") and name.count(".") == 2)


def forward(spec, weights, data, rows, training, sparse=False):
    model = {**MODELS, **FAMILY, **DEEPFM}[spec["model"]["kind"]]
    return model(Step(spec, weights, data, rows, training, sparse), spec["model"])


def loss_of(spec, weights, data, rows, sparse=False, loss=None):
    logits = forward(spec, weights, data, rows, True, sparse)
    losses = row_losses(logits, data["@label"][rows], loss or {"kind": "binaryCrossEntropy"})
    return logits, (losses * data["@weight"][rows] if spec.get("weighted") else losses).mean()


def row_losses(logits, labels, loss):
    if loss["kind"] == "squaredError":
        return (logits - labels).square()
    if loss["kind"] == "focal":  # Lin et al. 2017, equation 5
        p = torch.sigmoid(logits)
        p_t = torch.where(labels == 1, p, 1 - p)
        alpha_t = torch.where(labels == 1, loss["alpha"], 1 - loss["alpha"])
        return -alpha_t * (1 - p_t) ** loss["gamma"] * p_t.log()
    s = loss.get("labelSmoothing", 0)
    return F.binary_cross_entropy_with_logits(logits, labels * (1 - s) + s / 2, reduction="none")


def trainable(weights):
    copy = {name: w.clone() for name, w in weights.items()}
    for name, w in copy.items():
        w.requires_grad_("running_" not in name)
    return copy


def train(spec, initial, data, run):
    weights = trainable(initial)
    tables = [w for name, w in weights.items() if is_table(name)]
    others = [w for name, w in weights.items() if not is_table(name) and w.requires_grad]
    embedding = run["embedding"]
    optimizers = [optimizer_of(name, w, run) for name, w in weights.items() if w.requires_grad]
    averages = [w.detach().clone() for w in others]
    starts = range(0, ROWS, BATCH)
    for step in range(STEPS):
        start = starts[step % len(starts)]
        for each in optimizers:
            each.zero_grad()
        rows = slice(start, min(start + BATCH, ROWS))
        loss_of(spec, weights, data, rows, embedding.get("lazy", False), run.get("loss"))[1].backward()
        clip(others, run.get("clip", {}))
        for each in optimizers:
            each.step()
        for w, average in zip(others, averages):
            decay = run.get("average", {"decay": 0})["decay"]
            average.copy_(decay * average + (1 - decay) * w.detach())
    averaged = {name: w for name, w in weights.items()}
    averaged.update(zip([name for name, w in weights.items() if any(w is each for each in others)], averages))
    return weights, forward(spec, averaged, data, slice(0, ROWS), False)


def optimizer_of(name, weight, run):
    part = "embedding" if is_table(name) else "dense"
    override = next((o for o in run.get("overrides", []) if re.fullmatch(o["pattern"], name)), {})
    return optimizer([weight], override.get(part, run[part]), override.get("l2", run["l2"][part]))


def clip(weights, bounds):
    if "value" in bounds:
        torch.nn.utils.clip_grad_value_(weights, bounds["value"])
    if "norm" in bounds:
        torch.nn.utils.clip_grad_norm_(weights, bounds["norm"])


def tensors(name, spec, rng):
    data, initial = make_data(spec, rng), make_weights(spec, rng)
    out = {}
    for key, values in data.items():
        if key.endswith("/weights"):
            out[f"data/{key}"] = np.array([w for row in values for w in row], np.float32)
        elif isinstance(values, list):
            out[f"data/{key}/values"] = np.array([i for bag in values for i in bag], np.int32)
            out[f"data/{key}/offsets"] = np.cumsum([0] + [len(bag) for bag in values]).astype(np.int32)
        else:
            out[f"data/{key}"] = values.numpy().astype(np.float32 if values.is_floating_point() else np.int32)
    save = lambda key, value: out.__setitem__(key, value.detach().numpy().astype(np.float32))
    for key, w in initial.items():
        save(f"weights/{key}", w)
    weights = trainable(initial)
    logits, loss = loss_of(spec, weights, data, slice(0, ROWS))
    loss.backward()
    save("logits", logits)
    save("loss", loss[None])
    for key, w in weights.items():
        if w.requires_grad:
            save(f"grad/{key}", w.grad)
    for run in spec.get("runs", BASE_RUNS):
        weights, logits = train(spec, initial, data, RUNS[run])
        for key, w in weights.items():
            save(f"{run}/weights/{key}", w)
        save(f"{run}/logits", logits)
    return out


def main():
    OUT.mkdir(exist_ok=True)
    wanted = sys.argv[1:] or SPECS
    for i, (name, spec) in enumerate(SPECS.items()):
        if name in wanted:
            save_file(tensors(name, spec, np.random.default_rng(i)), OUT / f"{name}.safetensors")
        spec.setdefault("runs", BASE_RUNS)
    text = {"rows": ROWS, "batch": BATCH, "steps": STEPS, "runs": RUNS, "models": SPECS}
    (OUT / "specs.json").write_text(json.dumps(text, indent=1) + "\n")


main()
