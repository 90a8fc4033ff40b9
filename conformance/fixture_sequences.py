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
WINDOWS = {
    **DIN, "kind": "multiWindowDin", "windows": [1, 2, 4], "mlp": {"hiddenUnits": [5], "activation": "tanh"},
}
ATTENTION = {"kind": "selfAttention", "columns": ["items", "shops"], "dim": 6, "heads": 3}
OTHER_ENCODERS = [
    {**WINDOWS, "from": "first"},
    # The query is narrower than the entries, and the windows begin at the last of them.
    {**WINDOWS, "from": "last", "query": ["user"], "windows": [3, 3]},
    ATTENTION,
    {**ATTENTION, "columns": ["pages"], "dim": 4, "heads": 2, "positions": "last"},
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
    "sequences_attention": mlp_spec(OTHER_ENCODERS),
    "sequences_windows_long": mlp_spec(
        [{**WINDOWS, "from": "last", "windows": [2, 3000, 20, 6900, 500]}],
        features=[USER, *({**feature, "rows": 301} for feature in (ITEM, SHOP, ITEMS, SHOPS))],
        runs=["sgd"],
        longest=10000,
    ),
    "sequences_pooled_long": mlp_spec(
        [ENCODERS[1], {**ENCODERS[0], "columns": ["items", "shops"], "pooling": "mean"}, ENCODERS[2], ENCODERS[3]],
        features=[USER, *({**feature, "rows": 301} for feature in (ITEM, SHOP, ITEMS, SHOPS, PAGES))],
        runs=["sgd"],
        longest=10000,
    ),
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
        entry = dim * len(encoder["columns"])
        if encoder["kind"] == "din":
            hidden = add_mlp(f"{name}.{i}.mlp", 4 * entry, encoder["mlp"])
            # No bias: the softmax takes it away, so that its gradient is rounding alone.
            add(f"{name}.{i}.score.weight", 1, hidden)
        if encoder["kind"] == "multiWindowDin":
            hidden = add_mlp(f"{name}.{i}.mlp", 3 * entry, encoder["mlp"])
            add(f"{name}.{i}.score.weight", 1, hidden), add(f"{name}.{i}.score.bias", 1)
            add(f"{name}.{i}.score.prelu.alpha", 1, 1)
        if encoder["kind"] == "selfAttention":
            for part, inputs in {"query": entry, "key": entry, "value": entry, "output": encoder["dim"]}.items():
                add(f"{name}.{i}.{part}.weight", encoder["dim"], inputs)
                # The softmax takes away that of the key, too.
                if part != "key":
                    add(f"{name}.{i}.{part}.bias", encoder["dim"])


def encoded_width(encoders, dim):
    width = lambda encoder: dim * len(encoder["columns"]) * (1 + len(encoder.get("windows", [])))
    return sum(encoder.get("dim", width(encoder)) for encoder in encoders)


# --- forward ---


def encoded(s, encoders, name):
    return [encode(s, encoder, f"{name}.{i}") for i, encoder in enumerate(encoders)]


def encode(s, encoder, name):
    columns = [padded(s, column) for column in encoder["columns"]]
    x, mask = torch.cat([entries for entries, _ in columns], 2), columns[0][1]
    if encoder["kind"] == "pooling":
        total = x.sum(1)
        return total if encoder["pooling"] == "sum" else total / mask.sum(1, keepdim=True).clamp(min=1)
    if encoder["kind"] == "selfAttention":
        return self_attention(s, x, mask, name, encoder)
    query = torch.cat([s.lookup(feature, "embeddings") for feature in encoder["query"]], 1)
    query = F.pad(query, (0, x.shape[2] - query.shape[1]))[:, None].expand(-1, x.shape[1], -1)
    if encoder["kind"] == "dotAttention":
        scores = (query * x).sum(2)
    elif encoder["kind"] == "multiWindowDin":
        return multi_window(s, query, x, mask, name, encoder)
    else:
        hidden = s.mlp(torch.cat([query, x, query - x, query * x], 2), f"{name}.mlp", encoder["mlp"])
        scores = s.linear(hidden, f"{name}.score").squeeze(2)
    weights = F.softmax(torch.where(mask, scores, torch.full_like(scores, -(2**32) + 1)), 1)
    return (weights[:, :, None] * x).sum(1)


def places_of(mask, end):
    """The place of each entry in its row, from 0 on, counted from its first or last entry."""
    places, counts = torch.arange(mask.shape[1]).expand(mask.shape), mask.sum(1, keepdim=True)
    return places if end == "first" else counts - 1 - places


def multi_window(s, query, x, mask, name, encoder):
    hidden = s.mlp(torch.cat([x, query * x, query], 2), f"{name}.mlp", encoder["mlp"])
    scores = F.prelu(s.linear(hidden, f"{name}.score"), s.weights[f"{name}.score.prelu.alpha"].flatten())
    places, parts, begin = places_of(mask, encoder["from"]), [], 0
    for window in encoder["windows"]:
        inside = mask & (places >= begin) & (places < begin + window)
        total = (scores * inside[:, :, None] * x).sum(1)
        parts.append(total / inside.sum(1, keepdim=True).clamp(min=1))
        begin += window
    return torch.cat([*parts, query[:, 0]], 1)


def self_attention(s, x, mask, name, encoder):
    if "positions" in encoder:
        dim = x.shape[2]
        columns = torch.arange(dim)
        angles = places_of(mask, encoder["positions"])[:, :, None] / 10000.0 ** ((columns - columns % 2) / dim).double()
        x = x + torch.where(columns % 2 == 0, angles.sin(), angles.cos())
    size = encoder["dim"] // encoder["heads"]
    q, k, v = (
        s.linear(x, f"{name}.{part}").unflatten(2, (encoder["heads"], size)).transpose(1, 2)
        for part in ("query", "key", "value")
    )
    scores = (q @ k.transpose(2, 3) / size**0.5).masked_fill(~mask[:, None, None], float("-inf"))
    # A row without entries has no softmax.
    weights = torch.where(mask.any(1)[:, None, None, None], scores, torch.zeros_like(scores)).softmax(3)
    y = s.linear((weights @ v).transpose(1, 2).flatten(2), f"{name}.output") * mask[:, :, None]
    return y.sum(1) / mask.sum(1, keepdim=True).clamp(min=1)


def padded(s, name):
    """The embeddings of a column [rows, longest, dim], zeros behind the last entry of a row, and where there are entries."""
    rows = [s.data[name][row] for row in range(len(s.data["@label"]))[s.rows]]
    table = s.weights[f"embeddings.{s.features[name]['table']}.weight"]
    found = F.embedding(torch.tensor([i for row in rows for i in row], dtype=torch.long), table, sparse=s.sparse)
    counts = torch.tensor([len(row) for row in rows])
    longest = max(1, int(counts.max()))
    lines = [F.pad(part, (0, 0, 0, longest - len(part))) for part in found.split(counts.tolist())]
    return torch.stack(lines), torch.arange(longest)[None] < counts[:, None]
