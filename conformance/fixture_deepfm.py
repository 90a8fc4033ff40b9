"""DeepFM and xDeepFM, written from their papers: the shapes of their weights, and their forward passes."""

import torch
from fixture_family import head, pair_products, stacked
from fixture_models import ACTIVATIONS, first_order

# --- weights ---


def suffix_of(c):
    return c.get("fm", {}).get("embeddingSuffix", "")


def deepfm_weights(w, c):
    w.first_order(c["wide"]["embeddingDim"])
    if suffix_of(c):
        w.tables("embeddings" + suffix_of(c), c["embeddingDim"])
    width = w.mlp("deep_mlp", len(w.categorical) * c["embeddingDim"] + w.numbers, c["deep"]["mlp"])
    if "final" in c:
        head(w, w.mlp("final_mlp", 1 + c["embeddingDim"] + width, c["final"]))
    else:
        head(w, width, bias=False)


def xdeepfm_weights(w, c):
    fields = maps = len(c["wide"]["features"])
    dim = c["embeddingDim"]
    if c["wide"]["tables"] == "own":
        dim = c["wide"]["embeddingDim"]
        w.tables("wide_embeddings", dim)
    for i, units in enumerate(c["cin"]["layers"]):
        w.add(f"cin.{i}.weight", units, maps * fields, scale=0.2)
        if c["cin"].get("bias", True):
            w.add(f"cin.{i}.bias", units)
        maps = units
    width = w.mlp("deep_mlp", len(w.categorical) * c["embeddingDim"] + w.numbers, c["deep"]["mlp"])
    if c.get("linear"):
        w.tables("linear", 1)
        w.add("linear.bias", 1)
    width += sum(c["cin"]["layers"])
    if "final" in c:
        terms = width + (dim if c.get("fm") else 0) + (1 if c.get("linear") else 0)
        head(w, w.mlp("final_mlp", terms, c["final"]))
    else:
        head(w, width, bias=not c.get("linear"))


DEEPFM_WEIGHTS = {"deepfm": deepfm_weights, "xdeepfm": xdeepfm_weights}

# --- forward ---


def products_by_dimension(e):
    i, j = torch.triu_indices(e.shape[1], e.shape[1], offset=1)
    return (e[:, i] * e[:, j]).sum(1)


def deepfm(s, c):
    wide = first_order(s, c["wide"]["features"])
    deep = s.mlp(s.group(c["deep"]["features"]), "deep_mlp", c["deep"]["mlp"])
    e = stacked(s, c["fm"]["features"] if "fm" in c else c["deep"]["features"], "embeddings" + suffix_of(c))
    if "final" in c:
        hidden = torch.cat([wide, products_by_dimension(e), deep], 1)
        return s.linear(s.mlp(hidden, "final_mlp", c["final"]), "output")
    return wide + pair_products(e).sum(1, keepdim=True) + s.linear(deep, "output")


def cin(s, fields, config):
    maps, pooled = fields, []
    for i in range(len(config["layers"])):
        z = torch.einsum("bhd,bfd->bhfd", maps, fields).flatten(1, 2)
        maps = torch.einsum("nk,bkd->bnd", s.weights[f"cin.{i}.weight"], z)
        if f"cin.{i}.bias" in s.weights:
            maps = maps + s.weights[f"cin.{i}.bias"][:, None]
        maps = ACTIVATIONS[config.get("activation", "none")](maps)
        pooled.append(maps.sum(2))
    return torch.cat(pooled, 1)


def xdeepfm(s, c):
    names = c["wide"]["features"]
    tables = "wide_embeddings" if c["wide"]["tables"] == "own" else "embeddings"
    e = torch.stack([s.lookup(name, tables) for name in names], 1)
    deep = s.mlp(s.group(c["deep"]["features"]), "deep_mlp", c["deep"]["mlp"])
    both = [cin(s, e, c["cin"]), deep]
    pairs = [products_by_dimension(e)] if c.get("fm") else []
    linear = [first_order(s, names)] if c.get("linear") else []
    if "final" in c:
        return s.linear(s.mlp(torch.cat(both + pairs + linear, 1), "final_mlp", c["final"]), "output")
    terms = [s.linear(torch.cat(both, 1), "output")] + [each.sum(1, keepdim=True) for each in pairs] + linear
    return sum(terms)


DEEPFM = {"deepfm": deepfm, "xdeepfm": xdeepfm}
