"""The models, written from their papers with torch.nn.functional, parameters under Pairloom's names."""

import numpy as np
import torch
import torch.nn.functional as F
from fixture_sequences import encoded

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


class Step:
    """One forward pass: the weights, a slice of the data, and the mode."""

    def __init__(self, spec, weights, data, rows, training, sparse):
        self.features = {f["name"]: f for f in spec["features"]}
        self.weights, self.data, self.rows = weights, data, rows
        self.training, self.sparse = training, sparse

    def lookup(self, name, tables):
        feature = self.features[name]
        if feature["kind"] == "number":
            return self.dense_embedding(name, feature["denseEmbedding"])
        table = self.weights[f"{tables}.{feature['table']}.weight"]
        if feature["kind"] == "id":
            return F.embedding(self.data[name][self.rows], table, sparse=self.sparse)
        bags = [self.data[name][row] for row in range(len(self.data["@label"]))[self.rows]]
        offsets = torch.tensor(np.cumsum([0] + [len(bag) for bag in bags[:-1]]))
        ids = torch.tensor([i for bag in bags for i in bag])
        if f"{name}/weights" not in self.data:
            return F.embedding_bag(ids, table, offsets, mode=feature["pooling"], sparse=self.sparse)
        weights = self.data[f"{name}/weights"][self.rows]
        # PyTorch weighs sums only. FBGEMM's weighted mean is the weighted sum by the count of ids.
        counts = [max(1, len(bag)) if feature["pooling"] == "mean" else 1 for bag in bags]
        scaled = torch.tensor([w / n for row, n in zip(weights, counts) for w in row], dtype=table.dtype)
        return F.embedding_bag(ids, table, offsets, mode="sum", sparse=self.sparse, per_sample_weights=scaled)

    def dense_embedding(self, name, config):
        w = lambda part: self.weights[f"dense_embeddings.{name}.{part}"]
        x = self.data[name][self.rows]
        if config["kind"] == "mlp":
            return x @ w("weight").T
        hidden = F.leaky_relu(x * w("scale.weight")[:, 0])
        scores = hidden @ w("mix.weight").T + config["keep"] * hidden
        return F.softmax(scores / config["temperature"], 1) @ w("meta.weight").T

    def numbers(self, names):
        return torch.cat([self.data[name][self.rows] for name in names], 1)

    def split(self, names):
        is_number = lambda name: self.features[name]["kind"] == "number" and "denseEmbedding" not in self.features[name]
        return [n for n in names if not is_number(n)], [n for n in names if is_number(n)]

    def group(self, names, group={}, sequences=""):
        """Embeddings, then numbers, then sequences."""
        categorical, numeric = self.split(names)
        parts = [self.lookup(name, "embeddings") for name in categorical]
        parts += [self.numbers(numeric)] if numeric else []
        return torch.cat(parts + encoded(self, group.get("sequences", []), sequences), 1)

    def linear(self, x, name):
        return F.linear(x, self.weights[f"{name}.weight"], self.weights.get(f"{name}.bias"))

    def mlp(self, x, name, config):
        for i in range(len(config["hiddenUnits"])):
            x = self.norm(self.linear(x, f"{name}.{i}"), f"{name}.{i}.norm", config.get("norm", "none"))
            x = self.activate(x, f"{name}.{i}", config.get("activation", "relu"))
        return x

    def activate(self, x, name, kind):
        settings = kind if isinstance(kind, dict) else {}
        kind = settings.get("kind", kind)
        if "slope" in settings:
            return F.leaky_relu(x, settings["slope"])
        if kind == "prelu":
            return F.prelu(x, self.weights[f"{name}.prelu.alpha"].flatten())
        if kind == "dice":
            p = torch.sigmoid(self.norm(x, f"{name}.dice.norm", "batch"))
            return p * x + (1 - p) * self.weights[f"{name}.dice.alpha"] * x
        return ACTIVATIONS[kind](x)

    def norm(self, x, name, kind):
        if kind == "none":
            return x
        w = lambda part: self.weights[f"{name}.{part}"]
        if kind == "layer":
            return F.layer_norm(x, x.shape[1:], w("gamma"), w("beta"))
        affine = (w("gamma"), w("beta")) if f"{name}.gamma" in self.weights else (None, None)
        return F.batch_norm(x, w("running_mean"), w("running_variance"), *affine, self.training)


def first_order(s, names):
    categorical, numeric = s.split(names)
    terms = [s.lookup(name, "linear").sum(1, keepdim=True) for name in categorical]
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
    return s.linear(s.mlp(s.group(c["features"], c, "sequences"), "mlp", c["mlp"]), "output")


def dlrm(s, c):
    dense = s.mlp(s.group(c["dense"]["features"], c["dense"], "dense_sequences"), "dense_mlp", c["dense"]["mlp"])
    sparse = [s.lookup(name, "embeddings") for name in c["sparse"]["features"]]
    sparse += encoded(s, c["sparse"].get("sequences", []), "sparse_sequences")
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
