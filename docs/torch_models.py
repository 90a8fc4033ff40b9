"""Rebuilds a DLRM and an xDeepFM of Pairloom in PyTorch, from `pairloom export <run> --format safetensors`.

    python torch_models.py dlrm runs/latest/exports/model.safetensors rows.json

`rows.json` has {"ids": {feature: [row of its table, …]}, "numbers": [[…], …], "logits": […]}; the order of the features is
that of the config. Prints the largest difference from the logits of Pairloom, if the file has them.
"""

import json
import sys

import torch
from safetensors.torch import load_file
from torch import nn


class Mlp(nn.ModuleList):
    """Linear layers with a ReLU after each."""

    def __init__(self, weights, prefix):
        layers = []
        while f"{prefix}.{len(layers)}.weight" in weights:
            units, width = weights[f"{prefix}.{len(layers)}.weight"].shape
            layers.append(nn.Linear(width, units))
        super().__init__(layers)

    def forward(self, x):
        for layer in self:
            x = torch.relu(layer(x))
        return x


def tables(weights, prefix, features):
    found = {name: weights[f"{prefix}.{name}.weight"].shape for name in features}
    return nn.ModuleDict({name: nn.Embedding(rows, dim) for name, (rows, dim) in found.items()})


def output(weights):
    units, width = weights["output.weight"].shape
    return nn.Linear(width, units, bias="output.bias" in weights)


class Dlrm(nn.Module):
    def __init__(self, weights, features):
        super().__init__()
        self.embeddings = tables(weights, "embeddings", features)
        self.dense_mlp = Mlp(weights, "dense_mlp")
        self.final_mlp = Mlp(weights, "final_mlp")
        self.output = output(weights)

    def forward(self, ids, numbers):
        fields = [self.dense_mlp(numbers), *(table(ids[name]) for name, table in self.embeddings.items())]
        x = torch.stack(fields, 1)
        i, j = torch.triu_indices(len(fields), len(fields), 1)
        products = (x @ x.mT)[:, i, j]
        return self.output(self.final_mlp(torch.cat([products, *fields], 1)))


class XDeepFm(nn.Module):
    def __init__(self, weights, features):
        super().__init__()
        self.wide_embeddings = tables(weights, "wide_embeddings", features)
        self.embeddings = tables(weights, "embeddings", features)
        self.linear = tables(weights, "linear", features)
        self.linear.register_parameter("bias", nn.Parameter(torch.zeros(1)))
        self.cin = Mlp(weights, "cin")
        self.deep_mlp = Mlp(weights, "deep_mlp")
        self.output = output(weights)

    def forward(self, ids, numbers):
        rows = lambda embeddings: [embeddings[name](ids[name]) for name in ids]
        x0 = torch.stack(rows(self.wide_embeddings), 1)
        x, pooled = x0, []
        for layer in self.cin:
            pairs = torch.einsum("bhd,bfd->bdhf", x, x0).flatten(2)
            x = layer(pairs).mT
            pooled.append(x.sum(2))
        hidden = self.deep_mlp(torch.cat([*rows(self.embeddings), numbers], 1))
        first_order = sum(rows(self.linear)) + self.linear.bias
        return self.output(torch.cat([*pooled, hidden], 1)) + first_order


MODELS = {"dlrm": Dlrm, "xdeepfm": XDeepFm}

if __name__ == "__main__":
    kind, path, rows_path = sys.argv[1:]
    with open(rows_path) as file:
        rows = json.load(file)
    ids = {name: torch.tensor(values) for name, values in rows["ids"].items()}
    weights = load_file(path)
    model = MODELS[kind](weights, list(ids))
    model.load_state_dict(weights)
    with torch.no_grad():
        logits = model(ids, torch.tensor(rows["numbers"]))
    print(f"{len(logits)} rows")
    if "logits" in rows:
        difference = (logits - torch.tensor(rows["logits"]).view_as(logits)).abs().max().item()
        print(f"largest difference of logits: {difference:.1e}")
