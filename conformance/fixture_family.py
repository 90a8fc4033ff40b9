"""WuKong, DCN, PNN and the like, written from their papers: the shapes of their weights, and their forward passes."""

import torch
import torch.nn.functional as F

from fixture_models import first_order

# --- weights: w.add(name, *shape), w.mlp(name, width, config) -> width ---


def head(w, width, bias=True):
    w.add("output.weight", 1, width)
    if bias:
        w.add("output.bias", 1)


def norm(w, name, width):
    w.add(f"{name}.gamma", width, offset=1.0, scale=0.2)
    w.add(f"{name}.beta", width)


def linear_weights(w, name, units, width):
    w.add(f"{name}.weight", units, width)
    w.add(f"{name}.bias", units)


def wukong_weights(w, c):
    dim, fields = c["embeddingDim"], len(c["sparse"]["features"])
    if "dense" in c:
        w.mlp("dense_mlp", w.width(c["dense"]["features"]), c["dense"]["mlp"])
        fields += 1
    for i, layer in enumerate(c["layers"]):
        name, out = f"layers.{i}", layer["linearFields"] + layer["interactionFields"]
        w.add(f"{name}.interaction.compress.weight", layer["rank"], fields)
        norm(w, f"{name}.interaction.norm", fields * layer["rank"])
        width = w.mlp(f"{name}.interaction.mlp", fields * layer["rank"], layer["mlp"])
        linear_weights(w, f"{name}.interaction.output", layer["interactionFields"] * dim, width)
        w.add(f"{name}.linear.weight", layer["linearFields"], fields)
        if out != fields:
            w.add(f"{name}.residual.weight", out, fields)
        norm(w, f"{name}.norm", dim)
        fields = out
    head(w, w.mlp("final_mlp", fields * dim, c["final"]))


def cross_weights(w, c):
    inputs = len(w.categorical) * c["embeddingDim"] + w.numbers
    width = w.mlp("backbone_mlp", inputs, c["backbone"]) if "backbone" in c else inputs
    for i in range(c["cross"]["layers"]):
        if c["kind"] == "dcn":
            w.add(f"cross.{i}.weight", 1, width)
            w.add(f"cross.{i}.bias", width)
        elif "rank" in c["cross"]:
            w.add(f"cross.{i}.down.weight", c["cross"]["rank"], width)
            linear_weights(w, f"cross.{i}.up", width, c["cross"]["rank"])
        else:
            linear_weights(w, f"cross.{i}", width, width)
    if "deep" in c:
        width += w.mlp("deep_mlp", inputs, c["deep"])
    head(w, w.mlp("final_mlp", width, c["final"]) if "final" in c else width)


def pnn_weights(w, c):
    fields, dim = len(w.categorical), c["embeddingDim"]
    products = {"inner": fields * (fields - 1) // 2, "outer": dim * dim}
    products["both"] = products["inner"] + products["outer"]
    head(w, w.mlp("mlp", fields * dim + w.numbers + products[c["product"]], c["mlp"]))


def fwfm_weights(w, c):
    w.first_order(1)
    fields = len(w.categorical)
    w.add("pairs.weight", 1, fields * (fields - 1) // 2)


def nfm_weights(w, c):
    w.first_order(1)
    if "pooled" in c:
        norm(w, "pooled.norm", c["embeddingDim"])
        w.running("pooled.norm", c["embeddingDim"])
    head(w, w.mlp("mlp", c["embeddingDim"], c["mlp"]), bias=False)


def auto_int_weights(w, c):
    dim, fields, attention = c["embeddingDim"], len(c["features"]), c["attention"]
    inner = attention["heads"] * attention["headDim"]
    width = dim
    for i in range(attention["layers"]):
        for name in ["query", "key", "value"] + (["residual"] if attention["residual"] else []):
            w.add(f"attention.{i}.{name}.weight", inner, width)
        width = inner
    deep = w.mlp("deep_mlp", fields * dim, c["deep"]) if "deep" in c else 0
    head(w, fields * width + deep)


def mask_net_weights(w, c):
    inputs = len(w.categorical) * c["embeddingDim"] + w.numbers
    norm(w, "norm", inputs)
    blocks, width = c["blocks"], inputs
    for i in range(blocks["count"]):
        name, aggregation = f"blocks.{i}", int(width * blocks["reductionRatio"])
        linear_weights(w, f"{name}.mask.0", aggregation, inputs)
        linear_weights(w, f"{name}.mask.1", width, aggregation)
        linear_weights(w, f"{name}.hidden", blocks["units"], width)
        norm(w, f"{name}.norm", blocks["units"])
        width = blocks["units"] if c["structure"] == "serial" else inputs
    width = blocks["units"] * (1 if c["structure"] == "serial" else blocks["count"])
    head(w, w.mlp("mlp", width, c["mlp"]) if "mlp" in c else width)


def wide_and_deep_weights(w, c):
    w.first_order(c["wide"]["embeddingDim"])
    width = w.mlp("deep_mlp", len(w.categorical) * c["embeddingDim"] + w.numbers, c["deep"]["mlp"])
    if "final" in c:
        head(w, w.mlp("final_mlp", 1 + width, c["final"]))
    else:
        head(w, width, bias=False)


FAMILY_WEIGHTS = {
    "wukong": wukong_weights,
    "dcn": cross_weights,
    "dcnV2": cross_weights,
    "pnn": pnn_weights,
    "fwfm": fwfm_weights,
    "nfm": nfm_weights,
    "autoInt": auto_int_weights,
    "maskNet": mask_net_weights,
    "wideAndDeep": wide_and_deep_weights,
}

# --- forward ---


def stacked(s, names, tables="embeddings"):
    return torch.stack([s.lookup(name, tables) for name in s.split(names)[0]], 1)


def layer_norm(s, x, name):
    return F.layer_norm(x, x.shape[-1:], s.weights[f"{name}.gamma"], s.weights[f"{name}.beta"])


def pair_products(e):
    i, j = torch.triu_indices(e.shape[1], e.shape[1], offset=1)
    return (e[:, i] * e[:, j]).sum(2)


def wukong(s, c):
    x = stacked(s, c["sparse"]["features"])
    if "dense" in c:
        dense = s.mlp(s.group(c["dense"]["features"]), "dense_mlp", c["dense"]["mlp"])
        x = torch.cat([dense[:, None], x], 1)
    for i, layer in enumerate(c["layers"]):
        name, (rows, fields, dim) = f"layers.{i}", x.shape
        mix = lambda part: torch.einsum("lf,bfd->bld", s.weights[f"{name}.{part}.weight"], x)
        y = s.weights[f"{name}.interaction.compress.weight"].T
        products = torch.einsum("bfg,gk->bfk", torch.einsum("bfd,bgd->bfg", x, x), y)
        hidden = layer_norm(s, products.reshape(rows, -1), f"{name}.interaction.norm")
        hidden = s.mlp(hidden, f"{name}.interaction.mlp", layer["mlp"])
        fmb = s.linear(hidden, f"{name}.interaction.output").reshape(rows, -1, dim)
        both = torch.cat([fmb, mix("linear")], 1)
        residual = x if both.shape[1] == fields else mix("residual")
        x = layer_norm(s, both + residual, f"{name}.norm")
    return s.linear(s.mlp(x.flatten(1), "final_mlp", c["final"]), "output")


def cross(s, c):
    features = s.group(c["features"])
    x0 = s.mlp(features, "backbone_mlp", c["backbone"]) if "backbone" in c else features
    x = x0
    for i in range(c["cross"]["layers"]):
        name = f"cross.{i}"
        if c["kind"] == "dcn":
            x = x0 * (x @ s.weights[f"{name}.weight"].T) + s.weights[f"{name}.bias"] + x
        elif "rank" in c["cross"]:
            x = x0 * s.linear(s.linear(x, f"{name}.down"), f"{name}.up") + x
        else:
            x = x0 * s.linear(x, name) + x
    if "deep" in c:
        x = torch.cat([x, s.mlp(features, "deep_mlp", c["deep"])], 1)
    if "final" in c:
        x = s.mlp(x, "final_mlp", c["final"])
    return s.linear(x, "output")


def pnn(s, c):
    e = stacked(s, c["features"])
    parts = [s.group(c["features"])]
    if c["product"] != "outer":
        parts.append(pair_products(e))
    if c["product"] != "inner":
        parts.append(torch.einsum("bfi,bgj->bij", e, e).flatten(1))
    return s.linear(s.mlp(torch.cat(parts, 1), "mlp", c["mlp"]), "output")


def fwfm(s, c):
    pairs = pair_products(stacked(s, c["features"]))
    return first_order(s, c["features"]) + s.linear(pairs, "pairs")


def nfm(s, c):
    e = stacked(s, c["features"])
    i, j = torch.triu_indices(e.shape[1], e.shape[1], offset=1)
    pooled = (e[:, i] * e[:, j]).sum(1)
    if "pooled" in c:
        pooled = s.norm(pooled, "pooled.norm", c["pooled"]["norm"])
    return first_order(s, c["features"]) + s.linear(s.mlp(pooled, "mlp", c["mlp"]), "output")


def auto_int(s, c):
    e = x = stacked(s, c["features"])
    heads, dim = c["attention"]["heads"], c["attention"]["headDim"]
    for i in range(c["attention"]["layers"]):
        project = lambda part: F.linear(x, s.weights[f"attention.{i}.{part}.weight"])
        q, k, v = (project(part).unflatten(2, (heads, dim)) for part in ("query", "key", "value"))
        scores = torch.einsum("bfhd,bghd->bhfg", q, k)
        if c["attention"]["scaled"]:
            scores = scores / dim**0.5
        attended = torch.einsum("bhfg,bghd->bfhd", scores.softmax(3), v).flatten(2)
        x = F.relu(attended + project("residual") if c["attention"]["residual"] else attended)
    parts = [x.flatten(1)] + ([s.mlp(e.flatten(1), "deep_mlp", c["deep"])] if "deep" in c else [])
    return s.linear(torch.cat(parts, 1), "output")


def mask_net(s, c):
    v = s.group(c["features"])
    normed = layer_norm(s, v, "norm")

    def block(x, i):
        mask = s.linear(F.relu(s.linear(v, f"blocks.{i}.mask.0")), f"blocks.{i}.mask.1")
        return F.relu(layer_norm(s, s.linear(x * mask, f"blocks.{i}.hidden"), f"blocks.{i}.norm"))

    count = range(c["blocks"]["count"])
    if c["structure"] == "serial":
        x = normed
        for i in count:
            x = block(x, i)
    else:
        x = torch.cat([block(normed, i) for i in count], 1)
    return s.linear(s.mlp(x, "mlp", c["mlp"]) if "mlp" in c else x, "output")


def wide_and_deep(s, c):
    wide = first_order(s, c["wide"]["features"])
    deep = s.mlp(s.group(c["deep"]["features"]), "deep_mlp", c["deep"]["mlp"])
    if "final" not in c:
        return wide + s.linear(deep, "output")
    return s.linear(s.mlp(torch.cat([wide, deep], 1), "final_mlp", c["final"]), "output")


FAMILY = {
    "wukong": wukong,
    "dcn": cross,
    "dcnV2": cross,
    "pnn": pnn,
    "fwfm": fwfm,
    "nfm": nfm,
    "autoInt": auto_int,
    "maskNet": mask_net,
    "wideAndDeep": wide_and_deep,
}
