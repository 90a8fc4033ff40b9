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

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.numpy import save_file

ROWS, BATCH, STEPS = 60, 16, 20
OUT = Path(__file__).parent / "fixtures"

ACTIVATIONS = {
    "none": lambda x: x,
    "relu": F.relu,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "leakyRelu": F.leaky_relu,
    "silu": F.silu,
    "gelu": F.gelu,
    "softplus": F.softplus,
    "elu": F.elu,
}


# --- models: written from the papers with torch.nn.functional, parameters under Pairloom's names ---


class Step:
    """One forward pass: the weights, a slice of the data, and the mode."""

    def __init__(self, spec, weights, data, rows, training, sparse):
        self.features = {f["name"]: f for f in spec["features"]}
        self.weights, self.data, self.rows = weights, data, rows
        self.training, self.sparse = training, sparse

    def lookup(self, name, tables):
        feature = self.features[name]
        table = self.weights[f"{tables}.{feature['embedding']}.weight"]
        if feature["type"] == "id":
            return F.embedding(self.data[name][self.rows], table, sparse=self.sparse)
        bags = [self.data[name][row] for row in range(ROWS)[self.rows]]
        offsets = torch.tensor(np.cumsum([0] + [len(bag) for bag in bags[:-1]]))
        ids = torch.tensor([i for bag in bags for i in bag])
        return F.embedding_bag(ids, table, offsets, mode=feature["pooling"], sparse=self.sparse)

    def numbers(self, names):
        return torch.cat([self.data[name][self.rows] for name in names], 1)

    def split(self, names):
        is_number = lambda name: self.features[name]["type"] == "f32"
        return [n for n in names if not is_number(n)], [n for n in names if is_number(n)]

    def linear(self, x, name):
        return F.linear(x, self.weights[f"{name}.weight"], self.weights.get(f"{name}.bias"))

    def mlp(self, x, name, config):
        for i in range(len(config["hiddenUnits"])):
            x = self.norm(self.linear(x, f"{name}.{i}"), f"{name}.{i}.norm", config.get("norm", "none"))
            x = ACTIVATIONS[config.get("activation", "relu")](x)
        return x

    def norm(self, x, name, kind):
        if kind == "none":
            return x
        w = lambda part: self.weights[f"{name}.{part}"]
        if kind == "layer":
            return F.layer_norm(x, x.shape[1:], w("gamma"), w("beta"))
        return F.batch_norm(x, w("running_mean"), w("running_variance"), w("gamma"), w("beta"), self.training)


def first_order(s, names):
    categorical, numeric = s.split(names)
    terms = [s.lookup(name, "linear") for name in categorical]
    if numeric:
        terms.append(s.linear(s.numbers(numeric), "linear") - s.weights["linear.bias"])
    return sum(terms) + s.weights["linear.bias"]


def logistic_regression(s, c):
    return first_order(s, c["features"])


def fm(s, c):
    e = torch.stack([s.lookup(name, "embeddings") for name in s.split(c["features"])[0]], 1)
    products = torch.einsum("bfd,bgd->bfg", e, e)
    pairs = torch.triu(products, diagonal=1).sum((1, 2))
    return first_order(s, c["features"]) + pairs[:, None]


def matrix_factorization(s, c):
    user, item = (s.lookup(c[name], "embeddings") for name in ("user", "item"))
    return first_order(s, [c["user"], c["item"]]) + (user * item).sum(1, keepdim=True)


def mlp_model(s, c):
    categorical, numeric = s.split(c["features"])
    parts = [s.lookup(name, "embeddings") for name in categorical] + [s.numbers(numeric)]
    return s.linear(s.mlp(torch.cat(parts, 1), "mlp", c["mlp"]), "output")


def dlrm(s, c):
    dense = s.mlp(s.numbers(c["dense"]["features"]), "dense_mlp", c["dense"]["mlp"])
    sparse = [s.lookup(name, "embeddings") for name in c["sparse"]["features"]]
    fields = torch.stack([dense, *sparse], 1)
    i, j = torch.triu_indices(fields.shape[1], fields.shape[1], offset=1)
    dots = torch.bmm(fields, fields.transpose(1, 2))[:, i, j]
    parts = [dots, dense] + (sparse if c["archWithSparse"] else [])
    return s.linear(s.mlp(torch.cat(parts, 1), "final_mlp", c["final"]), "output")


MODELS = {
    "logisticRegression": logistic_regression,
    "fm": fm,
    "matrixFactorization": matrix_factorization,
    "mlp": mlp_model,
    "dlrm": dlrm,
}


# --- specs ---

NUMBER = {"type": "f32", "name": "price", "width": 1}
VECTOR = {"type": "f32", "name": "history", "width": 3}
USER = {"type": "id", "name": "user", "embedding": "user", "buckets": 11}
ITEM = {"type": "id", "name": "item", "embedding": "item", "buckets": 7}
# Looks up the table of "item" a second time.
SEEN = {"type": "bag", "name": "seen", "embedding": "item", "buckets": 7, "pooling": "sum"}
TAGS = {"type": "bag", "name": "tags", "embedding": "tags", "buckets": 9, "pooling": "mean"}
ALL = [NUMBER, VECTOR, USER, ITEM, SEEN, TAGS]
names = lambda features: [f["name"] for f in features]


def dlrm_spec(arch_with_sparse):
    return {
        "kind": "dlrm",
        "dense": {"features": ["price", "history"], "mlp": {"hiddenUnits": [7, 4]}},
        "sparse": {"features": ["user", "item", "seen", "tags"]},
        "embeddingDim": 4,
        "final": {"hiddenUnits": [9, 5]},
        "archWithSparse": arch_with_sparse,
    }


def mlp_spec(**mlp):
    return {"kind": "mlp", "features": names(ALL), "embeddingDim": 3, "mlp": {"hiddenUnits": [8, 5], **mlp}}


ADAM = {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8}
ACCUMULATOR = {"eps": 1e-8, "initialAccumulator": 0.1}
NO_L2 = {"dense": 0, "embedding": 0, "rows": "all"}
RUNS = {
    "sgd": {
        "dense": {"kind": "sgd", "learningRate": 0.1},
        "embedding": {"kind": "sgd", "learningRate": 0.2},
        "l2": NO_L2,
    },
    "sgdL2": {
        "dense": {"kind": "sgd", "learningRate": 0.1},
        "embedding": {"kind": "sgd", "learningRate": 0.1},
        "l2": {"dense": 0.01, "embedding": 0.02, "rows": "all"},
    },
    "adagrad": {
        "dense": {"kind": "adagrad", "learningRate": 0.02, **ACCUMULATOR},
        "embedding": {"kind": "adagrad", "learningRate": 0.03, **ACCUMULATOR},
        "l2": NO_L2,
    },
    # SparseAdam adds eps before the bias correction and Pairloom, like Adam and FBGEMM, after it: a tiny eps makes the
    # two one.
    "adamLazy": {
        "dense": {"kind": "adam", "learningRate": 0.002, **ADAM},
        "embedding": {"kind": "adam", "learningRate": 0.002, **ADAM, "eps": 1e-15, "lazy": True},
        "l2": NO_L2,
    },
    "adamwEveryRow": {
        "dense": {"kind": "adamw", "learningRate": 0.002, **ADAM, "weightDecay": 0.05},
        "embedding": {"kind": "adam", "learningRate": 0.003, **ADAM, "lazy": False},
        "l2": NO_L2,
    },
    "rowWiseAdagrad": {
        "dense": {"kind": "sgd", "learningRate": 0.1},
        "embedding": {"kind": "rowWiseAdagrad", "learningRate": 0.05, **ACCUMULATOR},
        "l2": NO_L2,
    },
}

SPECS = {
    "logistic_regression": {
        "model": {"kind": "logisticRegression", "features": names(ALL)}, "features": ALL, "weighted": True,
    },
    "fm": {"model": {"kind": "fm", "features": names(ALL), "embeddingDim": 5}, "features": ALL},
    "matrix_factorization": {
        "model": {"kind": "matrixFactorization", "user": "user", "item": "item", "embeddingDim": 6},
        "features": [USER, ITEM],
    },
    "dlrm": {"model": dlrm_spec(False), "features": ALL},
    "dlrm_with_sparse": {"model": dlrm_spec(True), "features": ALL},
    # Normalisation takes a bias away: its gradient would be rounding, which Adam makes steps of.
    "mlp_batch_norm": {"model": mlp_spec(norm="batch", bias=False), "features": ALL},
    "mlp_layer_norm": {"model": mlp_spec(norm="layer"), "features": ALL},
    **{
        f"mlp_{fn}": {"model": mlp_spec(activation=fn), "features": ALL, "runs": ["sgd"]}
        for fn in ACTIVATIONS
    },
}


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
                weights[f"{name}.{i}.norm.running_mean"] = torch.zeros(units, dtype=torch.float64)
                weights[f"{name}.{i}.norm.running_variance"] = torch.ones(units, dtype=torch.float64)
            width = units
        return width

    def add_tables(tables, dim):
        for f in spec["features"]:
            if f["type"] != "f32" and f"{tables}.{f['embedding']}.weight" not in weights:
                add(f"{tables}.{f['embedding']}.weight", f["buckets"], dim)

    numbers = sum(f["width"] for f in spec["features"] if f["type"] == "f32")
    if "embeddingDim" in model:
        add_tables("embeddings", model["embeddingDim"])
    if kind in ("logisticRegression", "fm", "matrixFactorization"):
        add_tables("linear", 1)
        add("linear.bias", 1)
        if numbers:
            add("linear.weight", 1, numbers)
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
    return name.startswith("embeddings.") or (name.startswith("linear.") and name.count(".") == 2)


def forward(spec, weights, data, rows, training, sparse=False):
    return MODELS[spec["model"]["kind"]](Step(spec, weights, data, rows, training, sparse), spec["model"])


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
