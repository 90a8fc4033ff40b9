"""Encoders of sequences in their padded form, with masks, as published and in TorchEasyRec's tzrec/modules/sequence.py."""

import torch
import torch.nn.functional as F

# --- what is trained ---

USER = {"kind": "id", "name": "user", "table": "user", "rows": 11}
ITEM = {"kind": "id", "name": "item", "table": "item", "rows": 7}
SHOP = {"kind": "id", "name": "shop", "table": "shop", "rows": 5}
# Columns of one history share the tables of the candidate; that of visits has one of its own.
ITEMS = {"kind": "ids", "name": "items", "table": "item", "rows": 7, "sequence": "history"}
SHOPS = {"kind": "ids", "name": "shops", "table": "shop", "rows": 5, "sequence": "history"}
PAGES = {"kind": "ids", "name": "pages", "table": "page", "rows": 9, "sequence": "visits"}
FEATURES = [USER, ITEM, SHOP, ITEMS, SHOPS, PAGES]

DIN = {"kind": "din", "query": ["item", "shop"], "columns": ["items", "shops"]}
ENCODERS = [
    {"kind": "pooling", "columns": ["items"], "pooling": "sum"},
    {"kind": "pooling", "columns": ["pages"], "pooling": "mean"},
    {"kind": "dotAttention", "query": ["user"], "columns": ["pages"]},
    # The query is narrower than the entries.
    {"kind": "dotAttention", "query": ["item"], "columns": ["items", "shops"]},
    {**DIN, "mlp": {"hiddenUnits": [6, 4], "activation": "sigmoid"}},
]
RUNS = ["sgd", "adamLazy", "rowWiseAdagrad"]


def mlp_spec(encoders, **rest):
    model = {"kind": "mlp", "features": ["user", "item", "shop"], "sequences": encoders, "embeddingDim": 4}
    return {"features": FEATURES, "model": {**model, "mlp": {"hiddenUnits": [7]}}, "runs": RUNS, **rest}


FIELD = {"kind": "din", "query": ["item"], "columns": ["items"], "mlp": {"hiddenUnits": [5], "activation": "relu"}}
SEQUENCE_SPECS = {
    "sequences": mlp_spec(ENCODERS),
    "sequences_long": mlp_spec(
        [{**DIN, "mlp": {"hiddenUnits": [4], "activation": "tanh"}}],
        # Larger tables: the rounding of a float32 sum grows with its terms, an id's gradients.
        features=[USER, *({**feature, "rows": 301} for feature in (ITEM, SHOP, ITEMS, SHOPS))],
        runs=["sgd"],
        longest=10000,
    ),
    "sequences_dlrm": {
        "features": FEATURES,
        "model": {
            "kind": "dlrm",
            "dense": {"features": ["shop"], "sequences": [ENCODERS[1]], "mlp": {"hiddenUnits": [5, 4]}},
            "sparse": {"features": ["user", "item"], "sequences": [FIELD]},
            "embeddingDim": 4,
            "final": {"hiddenUnits": [6]},
            "archWithSparse": True,
        },
        "runs": RUNS,
    },
}


def lengths(rng, rows, longest):
    """From none to 8 entries in a row, and one row with `longest`."""
    drawn = rng.integers(0, 9, rows)
    if longest:
        drawn[rows // 3] = longest
    return drawn


# --- weights ---


def add_encoders(add, add_mlp, encoders, name, dim):
    for i, encoder in enumerate(encoders):
        if encoder["kind"] == "din":
            hidden = add_mlp(f"{name}.{i}.mlp", 4 * dim * len(encoder["columns"]), encoder["mlp"])
            # No bias: the softmax takes it away, so that its gradient is rounding alone.
            add(f"{name}.{i}.score.weight", 1, hidden)


def encoded_width(encoders, dim):
    return sum(dim * len(encoder["columns"]) for encoder in encoders)


# --- forward ---


def encoded(s, encoders, name):
    return [encode(s, encoder, f"{name}.{i}") for i, encoder in enumerate(encoders)]


def encode(s, encoder, name):
    columns = [padded(s, column) for column in encoder["columns"]]
    x, mask = torch.cat([entries for entries, _ in columns], 2), columns[0][1]
    if encoder["kind"] == "pooling":
        total = x.sum(1)
        return total if encoder["pooling"] == "sum" else total / mask.sum(1, keepdim=True).clamp(min=1)
    query = torch.cat([s.lookup(feature, "embeddings") for feature in encoder["query"]], 1)
    query = F.pad(query, (0, x.shape[2] - query.shape[1]))[:, None].expand(-1, x.shape[1], -1)
    if encoder["kind"] == "dotAttention":
        scores = (query * x).sum(2)
    else:
        hidden = s.mlp(torch.cat([query, x, query - x, query * x], 2), f"{name}.mlp", encoder["mlp"])
        scores = s.linear(hidden, f"{name}.score").squeeze(2)
    weights = F.softmax(torch.where(mask, scores, torch.full_like(scores, -(2**32) + 1)), 1)
    return (weights[:, :, None] * x).sum(1)


def padded(s, name):
    """The embeddings of a column [rows, longest, dim], zeros behind the last entry of a row, and where there are entries."""
    rows = [s.data[name][row] for row in range(len(s.data["@label"]))[s.rows]]
    table = s.weights[f"embeddings.{s.features[name]['table']}.weight"]
    found = F.embedding(torch.tensor([i for row in rows for i in row], dtype=torch.long), table, sparse=s.sparse)
    counts = torch.tensor([len(row) for row in rows])
    longest = max(1, int(counts.max()))
    lines = [F.pad(part, (0, 0, 0, longest - len(part))) for part in found.split(counts.tolist())]
    return torch.stack(lines), torch.arange(longest)[None] < counts[:, None]
