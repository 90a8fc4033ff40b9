"""Writes conformance/fixtures: what PyTorch computes for small models, to hold Pairloom's executors against.

Everything is computed in float64 from values that float32 represents exactly, so that a comparison with a float32
executor at 1e-5 sees the executor's rounding and not PyTorch's. One safetensors file a model:

    data/<input>                  columns of ROWS rows (bags: data/<input>/values, data/<input>/offsets)
    weights/<parameter>           before training
    logits, loss, grad/<name>     of one training step over all rows, before any update
    <run>/weights/<parameter>     after STEPS steps of BATCH rows in order, over and over
    <run>/logits                  of all rows then, in inference

and specs.json: the models, their features and the optimizers of each run, as Pairloom's config has them.
Usage: python conformance/make_fixtures.py   (torch, numpy, safetensors)
"""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
import torch.nn.functional as F
from fixture_deepfm import DEEPFM, DEEPFM_WEIGHTS
from fixture_family import FAMILY, FAMILY_WEIGHTS
from fixture_models import MODELS, Step
from fixture_specs import RUNS, SPECS
from safetensors.numpy import save_file

ROWS, BATCH, STEPS = 60, 16, 20
OUT = Path(__file__).parent / "fixtures"

# --- data and weights ---


def make_data(spec, rng):
    # One in four: near half, the gradients of biases would cancel to little more than rounding.
    data = {"@label": column(rng.random((ROWS, 1)) < 0.25)}
    if spec.get("weighted"):
        data["@weight"] = column(rng.uniform(0.5, 2, (ROWS, 1)))
    for f in spec["features"]:
        if f["type"] == "f32":
            data[f["name"]] = column(rng.normal(size=(ROWS, f["width"])))
        elif f["type"] == "id":
            # The last row is never looked up: lazy optimizers must leave it alone, others must not.
            data[f["name"]] = torch.tensor(rng.integers(0, f["buckets"] - 1, ROWS))
        else:
            data[f["name"]] = [rng.integers(0, f["buckets"] - 1, rng.integers(0, 4)).tolist() for _ in range(ROWS)]
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
            if activation in ("prelu", "dice"):
                add(f"{name}.{i}.{activation}.alpha", units)
            if activation == "dice":
                add(f"{name}.{i}.dice.norm.gamma", units, offset=1.0, scale=0.2)
                add(f"{name}.{i}.dice.norm.beta", units)
                add_running(f"{name}.{i}.dice.norm", units)
            width = units
        return width

    def add_running(name, units):
        weights[f"{name}.running_mean"] = torch.zeros(units, dtype=torch.float64)
        weights[f"{name}.running_variance"] = torch.ones(units, dtype=torch.float64)

    def add_tables(tables, dim):
        for f in spec["features"]:
            if f["type"] != "f32" and f"{tables}.{f['embedding']}.weight" not in weights:
                add(f"{tables}.{f['embedding']}.weight", f["buckets"], dim)

    numbers = sum(f["width"] for f in spec["features"] if f["type"] == "f32")
    if "embeddingDim" in model:
        add_tables("embeddings", model["embeddingDim"])

    def add_first_order(dim):
        add_tables("linear", dim)
        add("linear.bias", 1)
        if numbers:
            add("linear.weight", 1, numbers)

    if kind in ("logisticRegression", "fm", "matrixFactorization"):
        add_first_order(1)
    if kind == "mlp":
        embedded = sum(model["embeddingDim"] for f in spec["features"] if f["type"] != "f32")
        width = add_mlp("mlp", embedded + numbers, model["mlp"])
        add("output.weight", 1, width), add("output.bias", 1)
    if kind == "dlrm":
        dim = add_mlp("dense_mlp", numbers, model["dense"]["mlp"])
        sparse = len(model["sparse"]["features"])
        fields = 1 + sparse
        seen = fields * (fields - 1) // 2 + dim + (sparse * dim if model["archWithSparse"] else 0)
        width = add_mlp("final_mlp", seen, model["final"])
        add("output.weight", 1, width), add("output.bias", 1)
    others = {**FAMILY_WEIGHTS, **DEEPFM_WEIGHTS}
    if kind in others:
        categorical = [f["name"] for f in spec["features"] if f["type"] != "f32"]
        family = SimpleNamespace(
            add=add, mlp=add_mlp, tables=add_tables, first_order=add_first_order, numbers=numbers,
            categorical=categorical,
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


def optimizer(weights, config, l2):
    kind, lr = config["kind"], config["learningRate"]
    if kind == "sgd":
        return torch.optim.SGD(weights, lr, weight_decay=l2)
    if kind == "adagrad":
        start = config["initialAccumulator"]
        return torch.optim.Adagrad(weights, lr, eps=config["eps"], initial_accumulator_value=start, weight_decay=l2)
    if kind == "rowWiseAdagrad":
        return RowWiseAdagrad(weights, lr, config["eps"], config["initialAccumulator"])
    adam = {"lr": lr, "betas": (config["beta1"], config["beta2"]), "eps": config["eps"]}
    if kind == "adamw":
        return torch.optim.AdamW(weights, **adam, weight_decay=config["weightDecay"])
    return torch.optim.SparseAdam(weights, **adam) if config.get("lazy") else torch.optim.Adam(weights, **adam)


def is_table(name):
    return name.startswith(("embeddings.", "wide_embeddings.")) or (name.startswith("linear.") and name.count(".") == 2)


def forward(spec, weights, data, rows, training, sparse=False):
    model = {**MODELS, **FAMILY, **DEEPFM}[spec["model"]["kind"]]
    return model(Step(spec, weights, data, rows, training, sparse), spec["model"])


def loss_of(spec, weights, data, rows, sparse=False):
    logits = forward(spec, weights, data, rows, True, sparse)
    weight = data["@weight"][rows] if spec.get("weighted") else None
    return logits, F.binary_cross_entropy_with_logits(logits, data["@label"][rows], weight)


def trainable(weights):
    copy = {name: w.clone() for name, w in weights.items()}
    for name, w in copy.items():
        w.requires_grad_("running_" not in name)
    return copy


def train(spec, initial, data, run):
    weights = trainable(initial)
    tables = [w for name, w in weights.items() if is_table(name)]
    others = [w for name, w in weights.items() if not is_table(name) and w.requires_grad]
    dense, embedding, l2 = run["dense"], run["embedding"], run["l2"]
    optimizers = [optimizer(others, dense, l2["dense"]), optimizer(tables, embedding, l2["embedding"])]
    starts = range(0, ROWS, BATCH)
    for step in range(STEPS):
        start = starts[step % len(starts)]
        for each in optimizers:
            each.zero_grad()
        rows = slice(start, min(start + BATCH, ROWS))
        loss_of(spec, weights, data, rows, embedding.get("lazy", False))[1].backward()
        for each in optimizers:
            each.step()
    return weights, forward(spec, weights, data, slice(0, ROWS), False)


def tensors(name, spec, rng):
    data, initial = make_data(spec, rng), make_weights(spec, rng)
    out = {}
    for key, values in data.items():
        if isinstance(values, list):
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
    for run in spec.get("runs", RUNS):
        weights, logits = train(spec, initial, data, RUNS[run])
        for key, w in weights.items():
            save(f"{run}/weights/{key}", w)
        save(f"{run}/logits", logits)
    return out


def main():
    OUT.mkdir(exist_ok=True)
    for i, (name, spec) in enumerate(SPECS.items()):
        save_file(tensors(name, spec, np.random.default_rng(i)), OUT / f"{name}.safetensors")
        spec.setdefault("runs", list(RUNS))
    text = {"rows": ROWS, "batch": BATCH, "steps": STEPS, "runs": RUNS, "models": SPECS}
    (OUT / "specs.json").write_text(json.dumps(text, indent=1) + "\n")


main()
