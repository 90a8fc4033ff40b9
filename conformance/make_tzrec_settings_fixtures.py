"""Writes src/tzrec/fixtures/every/<model>.safetensors and rows.json: models that use every setting of TorchEasyRec with a
counterpart, in PyTorch under TorchEasyRec's parameter names, and their logits on rows of raw values.

What a raw value becomes is written here by hand, from the documentation of TorchEasyRec's features; the configs of the same
models are beside the fixtures.
Usage: python conformance/make_tzrec_settings_fixtures.py   (torch, safetensors)
"""

import json
import math
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save_file

OUT = Path(__file__).parent.parent / "src" / "tzrec" / "fixtures" / "every"
DIM = 4
KV = "\x1d"

# --- rows of raw values ---

COLUMNS = {
    "user_ids": ["4|7|4", None, "0", "19|1", "7", "3|2", "11", None, "5|5", "8", "1|2|3", "6"],
    "tags": ["a:0.5|q:2|c", "b", None, "c:-1", "z:3", "a|b:2", "q", "c:0.25", None, "b:2|b", "a", "z"],
    "brand": ["x", "y", "dft", None, "other", "x", "x", "y", "dft", "y", None, "x"],
    "shop": ["s0", "s1", "s2", "s9", None, "unk", "s2", "s0", "s1", None, "s0", "s2"],
    "city": ["oslo", "rome", None, "paris", "bern", "oslo", "rome", "oslo", "rome", "paris", "oslo", "rome"],
    "region": ["north", "south", "west", None, "east", "north", "west", "south", None, "north", "south", "west"],
    "stock": ["7", None, "2", "19", "0", "5", "5", "1", None, "3", "12", "4"],
    "segment": [0, 5, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4],
    "price": [10.0, None, 0.5, 1000.0, 2.5, 7.0, 1.0, 42.0, 0.01, 3.0, None, 11.0],
    "score": [1.5, 4.0, None, 2.0, 5.0, 1.0, 3.25, 2.75, 4.5, None, 1.25, 3.0],
    "height": [181.0, 165.5, 170.0, None, 190.0, 150.0, 177.0, 169.0, None, 172.5, 160.0, 185.0],
    "profile": ["0.1,0.2,-0.3", None, "1,0,0", "0.5,0.5,0.5", "-1,2,0.25", "0,0,1", "2,-2,1", "0.1,0.9,0.3",
                "1,1,1", None, "-0.5,0.25,0", "0.75,0,-1"],
    "age": [17.0, 25.0, 40.5, None, 70.0, 31.0, 29.0, 18.5, 51.0, 12.0, None, 44.0],
    "clicks": [f"oslo:3{KV}rome:1.5", "rome:2", None, "paris:4", "oslo:1", f"oslo:0.5{KV}bern:7", "rome:1", "bern:2",
               f"rome:2.5{KV}oslo:1", "paris:1", "oslo:8", None],
    "ranks": [f"oslo:4{KV}rome:7", "rome:9", "oslo:1", "bern:2", "bern:3", "oslo:0", "paris:1", "oslo:6", None, "paris:8",
              "rome:1", "rome:5"],
    "nested": ["oslo^x:1,y:2|rome^x:2", "rome^y:2", None, "paris^x:1", "bern^other:3", "oslo^x:2", "rome^x:1,y:1",
               "oslo^x:1", "rome^dft:2", "paris^y:9", "oslo^x:2", "rome^x:5"],
    "events": ["a|b|a", "b", None, "a|q", "b|b", "a", "a|b", "q", "b|a", "a", None, "b"],
    "flags": ["true|false|true", "true", None, "true|true", "false|true", "false", "true|true", "true", "false|true",
              "true", None, "true"],
    "ratings": ["low|mid", "mid", None, "low", "what", "low|low|mid", "mid|mid", "low", "mid", None, "low", "low|mid"],
    "a": [1.0, 2.0, 3.0, None, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0],
    "b": [0.5, 1.0, None, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0, 5.5, 6.0],
    "query": ["red shoe", "hat", None, "red hat", "a b c", "shoe", "red", "blue hat", "hat hat", "x", "red shoe", "b"],
    "title": ["a red shoe", "a hat", "x", "shoe", "c b", "shoe", "red red", "hat blue", "hat", None, "shoe", "a b"],
    "likes": ["a:0.5|b:2", "b", None, "c:1", "a:2", "b:-1|c:3", "a", "c", "b:0.5", "a:1", "c:2|a:0.5", "b:4"],
    "topics": ["b:3|c:1", "b:0.5", "a:1", None, "a:0.25|d:2", "c:2", "b:1", "c:1.5", "b:2|a:1", "d:1", "a:4", "b:1"],
}
COUNT = len(COLUMNS["city"])
ROWS = [{name: values[i] for name, values in COLUMNS.items()} for i in range(COUNT)]

# --- what a raw value becomes: ids with weights, or numbers ---


def parts(text, separator="|"):
    return [] if text is None else text.split(separator)


def pairs(text, separator="|"):
    split = [part.split(":") for part in parts(text, separator)]
    return {key: float(value[0]) if value else 1.0 for key, *value in split}


def bag(ids, default=None):
    """Ids of weight 1; those of a row without ids are the default, if there is one."""
    return [(i, 1.0) for i in (ids or ([] if default is None else [default]))]


def words(values, rows, unknown, default=None):
    return bag([rows.get(value, unknown) for value in values if value is not None], default)


def tags(row):
    rows = {"z": 0, "a": 2, "b": 3, "c": 4}
    split = [part.split(":") for part in parts(row["tags"])]
    return [(rows.get(key, 1), float(weight[0]) if weight else 1.0) for key, *weight in split] or [(0, 1.0)]


def nested(row):
    outer = dict(entry.split("^") for entry in parts(row["nested"]))
    inner = dict(entry.split(":") for entry in parts(outer.get(row["city"]), ","))
    return inner.get(row["brand"])


def cross(row):
    both = None if row["city"] is None or row["brand"] is None else f"{row['city']}_{row['brand']}"
    return words([both], {"none": 0, "oslo_x": 2, "rome_y": 3}, 1, 0)


def rank(row):
    found = pairs(row["ranks"], KV).get(row["city"])
    return bag([] if found is None else [int(found)], 0)


def bucket(value, boundaries):
    return sum(value >= boundary for boundary in boundaries)


def combined(row):
    values = {"low": 1, "mid": 2}
    return [values[part] for part in parts(row["ratings"]) if part in values]


def overlap(row):
    query, title = parts(row["query"], " "), parts(row["title"], " ")
    return sum(term in title for term in query) / len(query) if query and title else 0.0


def dot(row):
    query, document = pairs(row["likes"]), pairs(row["topics"])
    return sum(value * document.get(key, 0) for key, value in query.items()) if query and document else 0.0


def or_else(value, default):
    return default if value is None else value


IDS = {
    "user": ("user_emb", 20, "mean", lambda r: bag([int(i) for i in parts(r["user_ids"])], 3)),
    "tags": ("tags_emb", 5, "sum", tags),
    "brand": ("brand_emb", 4, "sum", lambda r: words([r["brand"]], {"x": 2, "y": 3, "dft": 0}, 1, 0)),
    "shop": ("shop_emb", 3, "sum", lambda r: words([r["shop"]], {"s0": 0, "s1": 1, "s2": 2}, 1, 1)),
    "city": ("city_emb", 3, "sum", lambda r: words([r["city"]], {"oslo": 0, "rome": 1, "paris": 2}, 0)),
    "region": ("region_emb", 4, "sum", lambda r: words([r["region"]], {"north": 1, "west": 2, "south": 3}, 0)),
    "stock": ("user_emb", 20, "mean", lambda r: bag([int(or_else(r["stock"], 5))])),
    "segment": ("segment_emb", 6, "sum", lambda r: bag([r["segment"]])),
    "age": ("age_emb", 4, "sum", lambda r: bag([bucket(or_else(r["age"], 20), [18, 30, 50])])),
    "rank": ("rank_emb", 10, "sum", rank),
    "match": ("match_emb", 5, "sum", lambda r: words([nested(r)], {"0": 0, "1": 2, "2": 3}, 1, 0)),
    "cross": ("cross_emb", 4, "sum", cross),
    "masked": (
        "masked_emb", 4, "sum",
        lambda r: words([e for e, f in zip(parts(r["events"]), parts(r["flags"])) if f == "true"], {"a": 2, "b": 3}, 1),
    ),
    "level": ("level_emb", 6, "sum", lambda r: bag([max(combined(r), default=5)])),
}
NUMBERS = {
    "price": lambda r: [0.0 if r["price"] is None else math.log10(r["price"])],
    "clicks": lambda r: [pairs(r["clicks"], KV).get(r["city"], 0.0)],
    "ratio": lambda r: [0.0 if None in (r["a"], r["b"]) else r["a"] / (1 + r["b"])],
    "overlap": lambda r: [overlap(r)],
    "dot": lambda r: [dot(r)],
    "total": lambda r: [float(sum(combined(r)))],
    "score": lambda r: [0.0 if r["score"] is None else (r["score"] - 1) / 4],
    "height": lambda r: [0.0 if r["height"] is None else (r["height"] - 170) / 10],
    "profile": lambda r: [float(x) for x in parts(or_else(r["profile"], "0,0,0"), ",")],
}

# --- modules, with weights made at their first use ---


class Model:
    def __init__(self, seed):
        self.generator = torch.Generator().manual_seed(seed)
        self.state = {}

    def weight(self, name, *shape, center=0.0, scale=0.4):
        if name not in self.state:
            values = center + scale * torch.randn(shape, generator=self.generator)
            self.state[name] = values.float()
        return self.state[name].double()

    def lookup(self, name, suffix="", dim=DIM):
        table, rows, pooling, ids_of = IDS[name]
        path = f"embedding_group.emb_impls.__BASE__.ebc.embedding_bags.{table}{suffix}.weight"
        weights = self.weight(path, rows, dim)
        out = []
        for row in ROWS:
            ids = ids_of(row)
            total = sum((w * weights[i] for i, w in ids), torch.zeros(dim).double())
            out.append(total / max(1, len(ids)) if pooling == "mean" else total)
        return torch.stack(out)

    def number(self, name):
        return torch.tensor([NUMBERS[name](row) for row in ROWS]).double()

    def feature(self, name, suffix=""):
        if name in IDS:
            return self.lookup(name, suffix)
        x, path = self.number(name), "embedding_group.emb_impls.__BASE__.dense_ec.dense_embs"
        if name == "score":
            own = lambda part, *shape: self.weight(f"{path}.autodis#4#3#0_600000#0_500000.{part}_score.weight", *shape)
            h = F.leaky_relu(x * own("proj_w", 3))
            share = F.softmax((h @ own("proj_m", 3, 3).T + 0.6 * h) / 0.5, 1)
            return share @ own("meta_emb", 3, DIM)
        if name == "height":
            return x * self.weight(f"{path}.mlp#4.proj_w_height.weight", DIM)
        if name == "profile":
            return x @ self.weight(f"{path}.mlp#4#vdim#3#profile.proj_w_profile.weight", 3, DIM)
        return x

    def group(self, names, suffix=""):
        return torch.cat([self.feature(name, suffix) for name in names], 1)

    def stacked(self, names, suffix=""):
        return torch.stack([self.feature(name, suffix) for name in names], 1)

    def linear(self, x, name, units, bias=True):
        return F.linear(x, self.weight(f"{name}.weight", units, x.shape[1]), self.weight(f"{name}.bias", units) if bias else None)

    def batch_norm(self, x, name, affine):
        mean = self.weight(f"{name}.running_mean", x.shape[1])
        variance = self.weight(f"{name}.running_var", x.shape[1], center=1.5, scale=0.1)
        scaled = (x - mean) / (variance + 1e-5).sqrt()
        if not affine:
            return scaled
        return scaled * self.weight(f"{name}.weight", x.shape[1], center=1) + self.weight(f"{name}.bias", x.shape[1])

    def layer_norm(self, x, name):
        width = x.shape[-1]
        return F.layer_norm(x, [width], self.weight(f"{name}.weight", width, center=1), self.weight(f"{name}.bias", width))

    def activate(self, x, name, act):
        if act == "prelu":
            return F.prelu(x, self.weight(f"{name}.weight", 1))
        if act == "dice":
            p, alpha = torch.sigmoid(self.batch_norm(x, f"{name}.bn", False)), self.weight(f"{name}.alpha", x.shape[1])
            return alpha * (1 - p) * x + p * x
        return act(x) if act else x

    def mlp(self, x, name, units, act=F.relu, norm=None, bias=True):
        for i, width in enumerate(units):
            layer = f"{name}.mlp.{i}.perceptron"
            x = self.linear(x, f"{layer}.0", width, bias and norm != "batch")
            if norm == "batch":
                x = self.batch_norm(x, f"{layer}.1", True)
            if norm == "layer":
                x = self.layer_norm(x, f"{layer}.1")
            x = self.activate(x, f"{layer}.{2 if norm else 1}", act)
        return x


# --- the models ---

SPARSE = list(IDS) + ["score", "height", "profile"]
DENSE = ["price", "user", "score", "clicks", "profile"]
MIXED = ["price", "user", "tags", "clicks", "brand", "height", "ratio", "match", "overlap", "profile", "dot", "level", "total"]
WIDE = ["user", "tags", "segment", "age", "cross", "masked"]


def dots(x):
    i, j = torch.triu_indices(x.shape[1], x.shape[1], offset=1)
    return (x[:, i] * x[:, j]).sum(2)


def fm(x):
    return (x.sum(1) ** 2 - (x**2).sum(1)) / 2


def dlrm(m):
    dense = m.mlp(m.group(DENSE), "dense_mlp", [6, DIM], "dice", "batch")
    fields = torch.cat([dense[:, None], m.stacked(SPARSE, "_s")], 1)
    hidden = m.mlp(torch.cat([dots(fields), dense], 1), "final_mlp", [7, 5], "prelu", "layer")
    return m.linear(hidden, "output_mlp", 1)


def wukong(m):
    dense = m.mlp(m.group(DENSE), "dense_mlp", [5, DIM], lambda x: F.leaky_relu(x, 0.2))
    x = torch.cat([dense[:, None], m.stacked(SPARSE)], 1)
    for i, (linear, interactions, rank) in enumerate([(3, 2, 2), (3, 2, 3)]):
        name, fields = f"_wukong_layers.{i}", x.shape[1]
        compress = lambda part, units: torch.einsum("bfd,fn->bnd", x, m.weight(f"{name}.{part}.weight", fields, units))
        products = (x @ (x.transpose(1, 2) @ m.weight(f"{name}.fmb.weight", fields, rank))).flatten(1)
        hidden = m.mlp(m.layer_norm(products, f"{name}.fmb.norm"), f"{name}.fmb.mlp", [6], F.silu)
        made = m.linear(hidden, f"{name}.fmb.feature_out_liner", interactions * DIM).reshape(COUNT, -1, DIM)
        kept = x if fields == linear + interactions else compress("residual_projection", linear + interactions)
        x = m.layer_norm(torch.cat([made, compress("lcb", linear)], 1) + kept, f"{name}.norm")
    return m.linear(m.mlp(x.flatten(1), "final_mlp", [6], F.gelu, bias=False), "output_mlp", 1)


def wide_term(m, suffix):
    return torch.cat([m.lookup(name, suffix, 3) for name in WIDE], 1).sum(1, keepdim=True)


def deepfm(m):
    wide, pairs = wide_term(m, "_wide_w"), fm(m.stacked(["user", "tags", "height", "age"]))
    deep = m.mlp(m.group(MIXED, "_d"), "deep_mlp", [6, 5], torch.tanh)
    hidden = m.mlp(torch.cat([wide, pairs, deep], 1), "final_mlp", [4], torch.sigmoid)
    return m.linear(hidden, "output_mlp", 1)


def wide_and_deep(m):
    deep = m.mlp(m.group(MIXED), "deep_mlp", [6, 5], F.softplus)
    return wide_term(m, "_wide") + m.linear(deep, "output_mlp", 1)


def xdeepfm(m):
    fields = torch.stack([m.lookup(name, "_wide_w", 3) for name in WIDE], 1)
    maps, pooled = fields, []
    for i, units in enumerate([5, 3]):
        products = torch.einsum("bhd,bfd->bhfd", maps, fields).flatten(1, 2)
        weight = m.weight(f"cin.cin_layers.{i}.weight", units, products.shape[1], 1)
        maps = F.conv1d(products, weight, m.weight(f"cin.cin_layers.{i}.bias", units))
        pooled.append(maps.sum(2))
    deep = m.mlp(m.group(MIXED), "deep", [6], F.elu)
    return m.linear(m.mlp(torch.cat([*pooled, deep], 1), "final", [4]), "output_mlp", 1)


def dcn_v1(m):
    x0 = x = m.group(MIXED, "_x")
    width = x.shape[1]
    for i in range(2):
        x = x0 * F.linear(x, m.weight(f"cross.w.{i}.weight", 1, width)) + m.weight(f"cross.b.{i}", width) + x
    hidden = m.mlp(torch.cat([x, m.mlp(x0, "deep", [6, 5], None)], 1), "final_dnn", [4])
    return m.linear(hidden, "output_linear", 3, bias=False)


def dcn_v2(m):
    features = m.group(MIXED)
    x0 = x = m.mlp(features, "backbone", [8], norm="batch")
    for i in range(2):
        low = F.linear(x, m.weight(f"cross.u_kernels.{i}.weight", 3, 8))
        x = x0 * m.linear(low, f"cross.v_kernels.{i}", 8) + x
    hidden = m.mlp(torch.cat([x, m.mlp(features, "deep", [6])], 1), "final", [4])
    return m.linear(hidden, "output_mlp", 1, bias=False)


def mask_net(m):
    v = m.group(MIXED)
    x = m.layer_norm(v, "mask_net_layer.ln_emb")
    for i in range(2):
        name = f"mask_net_layer.mask_blocks.{i}"
        mask = m.linear(F.relu(m.linear(v, f"{name}.mask_generator.0", 7)), f"{name}.mask_generator.2", x.shape[1])
        x = F.relu(m.layer_norm(m.linear(x * mask, f"{name}.ffn.0", 5), f"{name}.ffn.1"))
    return m.linear(m.mlp(x, "mask_net_layer.top_mlp", [6, 4]), "output_linear", 1, bias=False)


MODELS = [dlrm, wukong, deepfm, wide_and_deep, xdeepfm, dcn_v1, dcn_v2, mask_net]


def main():
    logits = {}
    for seed, build in enumerate(MODELS):
        model = Model(seed)
        logits[build.__name__] = build(model).flatten().tolist()
        save_file({f"model.{name}": value for name, value in model.state.items()}, OUT / f"{build.__name__}.safetensors")
    (OUT / "rows.json").write_text(json.dumps({"rows": ROWS, "logits": logits}, indent=1) + "\n")


if __name__ == "__main__":
    main()
