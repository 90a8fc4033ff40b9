"""Writes src/tzrec/fixtures/<config>.safetensors and logits.json: small models in PyTorch under the parameter names
that TorchEasyRec gives them, and their logits on a few rows, to hold `pairloom import tzrec --weights` against.

The modules are written from the documentation of the models; only the names of their parameters are TorchEasyRec's.
Usage: python conformance/make_tzrec_fixtures.py   (torch, safetensors)
"""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn

OUT = Path(__file__).parent.parent / "src" / "tzrec" / "fixtures"
ROWS = 12
DIM = 4
TABLES = {"cat_0_emb": 10, "cat_1_emb": 7}
FEATURE_TABLES = {"cat_0": "cat_0_emb", "cat_1": "cat_1_emb", "cat_2": "cat_1_emb"}
SPARSE = ["cat_0", "cat_1", "cat_2"]
DENSE = ["int_0", "int_1"]
MIXED = ["int_0", "cat_0", "cat_1", "int_1", "cat_2"]
MIXED_DIM = 3 * DIM + 2


class Perceptron(nn.Module):
    def __init__(self, inputs, units, act=nn.ReLU, norm=None):
        super().__init__()
        linear = nn.Linear(inputs, units, bias=norm is not nn.BatchNorm1d)
        self.perceptron = nn.Sequential(linear, *([norm(units)] if norm else []), act())

    def forward(self, x):
        return self.perceptron(x)


class MLP(nn.Module):
    def __init__(self, inputs, units, **options):
        super().__init__()
        widths = [inputs, *units]
        self.mlp = nn.ModuleList(Perceptron(a, b, **options) for a, b in zip(widths, widths[1:]))

    def forward(self, x):
        for layer in self.mlp:
            x = layer(x)
        return x


class Ranker(nn.Module):
    """Embedding tables under TorchEasyRec's names, and a linear output."""

    def __init__(self, output, wide_dim=None, output_bias=True, output_name="output_mlp"):
        super().__init__()
        tables = {name: nn.EmbeddingBag(rows, DIM, mode="sum") for name, rows in TABLES.items()}
        if wide_dim:
            for name, rows in TABLES.items():
                tables[f"{name}_wide"] = nn.EmbeddingBag(rows, wide_dim, mode="sum")
        bags = nn.Module()
        bags.embedding_bags = nn.ModuleDict(tables)
        impl = nn.Module()
        impl.ebc = bags
        self.embedding_group = nn.Module()
        self.embedding_group.emb_impls = nn.ModuleDict({"__BASE__": impl})
        self.output_name = output_name
        self.add_module(output_name, nn.Linear(output, 1, bias=output_bias))

    def output(self, x):
        return getattr(self, self.output_name)(x)

    def group(self, data, names, suffix=""):
        tables = self.embedding_group.emb_impls["__BASE__"].ebc.embedding_bags
        parts = [
            tables[FEATURE_TABLES[name] + suffix](data[name][:, None]) if name in FEATURE_TABLES else data[name][:, None]
            for name in names
        ]
        return torch.cat(parts, dim=1)


def upper_products(fields):
    count = fields.shape[1]
    i, j = torch.triu_indices(count, count, offset=1)
    return (fields[:, i] * fields[:, j]).sum(dim=2)


def pairwise(fields):
    return (fields.sum(dim=1) ** 2 - (fields**2).sum(dim=1)) / 2


class DLRM(Ranker):
    def __init__(self):
        super().__init__(5)
        self.dense_mlp = MLP(2, [6, DIM])
        self.final_mlp = MLP(6 + DIM + 3 * DIM, [6, 5], norm=nn.BatchNorm1d)

    def forward(self, data):
        sparse = self.group(data, SPARSE)
        dense = self.dense_mlp(self.group(data, DENSE))
        fields = torch.cat([dense[:, None], sparse.reshape(-1, 3, DIM)], dim=1)
        return self.output(self.final_mlp(torch.cat([upper_products(fields), dense, sparse], dim=1)))


class DeepFM(Ranker):
    def __init__(self, final=None, wide_dim=4):
        super().__init__(final[-1] if final else 5, wide_dim)
        self.deep_mlp = MLP(MIXED_DIM, [6, 5])
        if final:
            self.final_mlp = MLP(1 + DIM + 5, final, norm=nn.LayerNorm)

    def forward(self, data):
        wide = self.group(data, SPARSE, "_wide").sum(dim=1, keepdim=True)
        deep = self.deep_mlp(self.group(data, MIXED))
        fm = pairwise(self.group(data, SPARSE).reshape(-1, 3, DIM))
        if hasattr(self, "final_mlp"):
            return self.output(self.final_mlp(torch.cat([wide, fm, deep], dim=1)))
        return wide + fm.sum(dim=1, keepdim=True) + self.output(deep)


class WideAndDeep(Ranker):
    def __init__(self):
        super().__init__(5, 4)
        self.deep_mlp = MLP(MIXED_DIM, [6, 5], act=nn.PReLU)

    def forward(self, data):
        wide = self.group(data, SPARSE, "_wide").sum(dim=1, keepdim=True)
        return wide + self.output(self.deep_mlp(self.group(data, MIXED)))


class CIN(nn.Module):
    def __init__(self, fields, layers):
        super().__init__()
        widths = [fields, *layers]
        self.cin_layers = nn.ModuleList(nn.Conv1d(a * fields, b, 1) for a, b in zip(widths, widths[1:]))

    def forward(self, fields):
        maps, pooled = fields, []
        for layer in self.cin_layers:
            products = torch.einsum("bhd,bfd->bhfd", maps, fields).flatten(1, 2)
            maps = layer(products)
            pooled.append(maps.sum(dim=2))
        return torch.cat(pooled, dim=1)


class XDeepFM(Ranker):
    def __init__(self):
        super().__init__(4, 4)
        self.cin = CIN(3, [5, 3])
        self.deep = MLP(MIXED_DIM, [6, 5])
        self.final = MLP(8 + 5, [4])

    def forward(self, data):
        maps = self.cin(self.group(data, SPARSE, "_wide").reshape(-1, 3, 4))
        return self.output(self.final(torch.cat([maps, self.deep(self.group(data, MIXED))], dim=1)))


class Compress(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(inputs, outputs))

    def forward(self, x):
        return torch.einsum("bfd,fn->bnd", x, self.weight)


class FMBlock(nn.Module):
    def __init__(self, fields, outputs, rank, units):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(fields, rank))
        self.norm = nn.LayerNorm(fields * rank)
        self.mlp = MLP(fields * rank, units)
        self.feature_out_liner = nn.Linear(units[-1], outputs * DIM)

    def forward(self, x):
        products = x @ (x.transpose(1, 2) @ self.weight)
        return self.feature_out_liner(self.mlp(self.norm(products.flatten(1)))).reshape(len(x), -1, DIM)


class WuKongLayer(nn.Module):
    def __init__(self, fields, lcb, fmb, rank, units):
        super().__init__()
        self.lcb = Compress(fields, lcb)
        self.fmb = FMBlock(fields, fmb, rank, units)
        self.norm = nn.LayerNorm(DIM)
        if fields != lcb + fmb:
            self.residual_projection = Compress(fields, lcb + fmb)

    def forward(self, x):
        residual = self.residual_projection(x) if hasattr(self, "residual_projection") else x
        return self.norm(torch.cat([self.fmb(x), self.lcb(x)], dim=1) + residual)


class WuKong(Ranker):
    def __init__(self):
        super().__init__(6)
        self.dense_mlp = MLP(2, [6, DIM])
        self._wukong_layers = nn.ModuleList([WuKongLayer(4, 2, 3, 2, [6, 5]), WuKongLayer(5, 2, 3, 2, [6])])
        self.final_mlp = MLP(5 * DIM, [6])

    def forward(self, data):
        dense = self.dense_mlp(self.group(data, DENSE))
        x = torch.cat([dense[:, None], self.group(data, SPARSE).reshape(-1, 3, DIM)], dim=1)
        for layer in self._wukong_layers:
            x = layer(x)
        return self.output(self.final_mlp(x.flatten(1)))


class Cross(nn.Module):
    def __init__(self, width, layers):
        super().__init__()
        self.w = nn.ModuleList(nn.Linear(width, 1, bias=False) for _ in range(layers))
        self.b = nn.ParameterList(nn.Parameter(torch.empty(width)) for _ in range(layers))

    def forward(self, x0):
        x = x0
        for w, b in zip(self.w, self.b):
            x = x0 * w(x) + b + x
        return x


class CrossV2(nn.Module):
    def __init__(self, width, layers, rank):
        super().__init__()
        self.u_kernels = nn.ModuleList(nn.Linear(width, rank, bias=False) for _ in range(layers))
        self.v_kernels = nn.ModuleList(nn.Linear(rank, width) for _ in range(layers))

    def forward(self, x0):
        x = x0
        for u, v in zip(self.u_kernels, self.v_kernels):
            x = x0 * v(u(x)) + x
        return x


class DCNV1(Ranker):
    def __init__(self):
        super().__init__(4, output_bias=False, output_name="output_linear")
        self.cross = Cross(MIXED_DIM, 2)
        self.deep = MLP(MIXED_DIM, [6, 5])
        self.final_dnn = MLP(MIXED_DIM + 5, [4])

    def forward(self, data):
        x = self.group(data, MIXED)
        return self.output(self.final_dnn(torch.cat([self.cross(x), self.deep(x)], dim=1)))


class DCNV2(Ranker):
    def __init__(self, backbone=None, deep=None):
        super().__init__(4, output_bias=False)
        width = backbone[-1] if backbone else MIXED_DIM
        if backbone:
            self.backbone = MLP(MIXED_DIM, backbone)
        self.cross = CrossV2(width, 2, 3)
        if deep:
            self.deep = MLP(MIXED_DIM, deep)
        self.final = MLP(width + (deep[-1] if deep else 0), [4])

    def forward(self, data):
        features = self.group(data, MIXED)
        x = self.cross(self.backbone(features) if hasattr(self, "backbone") else features)
        if hasattr(self, "deep"):
            x = torch.cat([x, self.deep(features)], dim=1)
        return self.output(self.final(x))


class MaskBlock(nn.Module):
    def __init__(self, inputs, mask_inputs, hidden, ratio):
        super().__init__()
        inner = int(inputs * ratio)
        self.mask_generator = nn.Sequential(nn.Linear(mask_inputs, inner), nn.ReLU(), nn.Linear(inner, inputs))
        self.ffn = nn.Sequential(nn.Linear(inputs, hidden), nn.LayerNorm(hidden), nn.ReLU())

    def forward(self, x, v):
        return self.ffn(x * self.mask_generator(v))


class MaskNet(Ranker):
    def __init__(self, parallel, top=None):
        super().__init__(top[-1] if top else 5, output_bias=False, output_name="output_linear")
        self.parallel = parallel
        net = self.mask_net_layer = nn.Module()
        net.ln_emb = nn.LayerNorm(MIXED_DIM)
        widths = [MIXED_DIM, MIXED_DIM if parallel else 5]
        net.mask_blocks = nn.ModuleList(MaskBlock(width, MIXED_DIM, 5, 2) for width in widths)
        if top:
            net.top_mlp = MLP(10 if parallel else 5, top)

    def forward(self, data):
        net, v = self.mask_net_layer, self.group(data, MIXED)
        x = net.ln_emb(v)
        if self.parallel:
            x = torch.cat([block(x, v) for block in net.mask_blocks], dim=1)
        else:
            for block in net.mask_blocks:
                x = block(x, v)
        return self.output(net.top_mlp(x) if hasattr(net, "top_mlp") else x)


# --- encoders of sequences, padded; rows of `lengths` entries ---


def mask_of(x, lengths):
    return torch.arange(x.shape[1]) < lengths[:, None]


class Pooling(nn.Module):
    def forward(self, query, x, lengths):
        return x.sum(1) / lengths.clamp(min=1)[:, None]


def weighted(scores, x, lengths):
    hidden = torch.full_like(scores, -(2.0**31))
    return (torch.where(mask_of(x, lengths), scores, hidden).softmax(1)[:, :, None] * x).sum(1)


class SimpleAttention(nn.Module):
    def forward(self, query, x, lengths):
        return weighted((x * query[:, None]).sum(2), x, lengths)


class DIN(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.mlp = MLP(4 * dim, [5, 3])
        self.linear = nn.Linear(3, 1)

    def forward(self, query, x, lengths):
        q = nn.functional.pad(query, (0, x.shape[2] - query.shape[1]))[:, None].expand_as(x)
        return weighted(self.linear(self.mlp(torch.cat([q, x, q - x, q * x], 2)))[:, :, 0], x, lengths)


class Windows(nn.Module):
    def __init__(self, dim, windows):
        super().__init__()
        self.windows = windows
        self.mlp = MLP(3 * dim, [4], act=nn.Tanh)
        self.linear = nn.Linear(4, 1)
        self.active = nn.PReLU()

    def forward(self, query, x, lengths):
        query = nn.functional.pad(query, (0, x.shape[2] - query.shape[1]))
        q = query[:, None].expand_as(x)
        taken = self.active(self.linear(self.mlp(torch.cat([x, q * x, q], 2)))) * mask_of(x, lengths)[:, :, None] * x
        ends = torch.tensor(self.windows).cumsum(0).tolist()
        means = [
            taken[:, begin:end].sum(1) / (lengths - begin).clamp(1, end - begin)[:, None]
            for begin, end in zip([0, *ends], ends)
        ]
        return torch.cat([*means, query], 1)


class SelfAttention(nn.Module):
    def __init__(self, inputs, dim, heads):
        super().__init__()
        self._query, self._key, self._value = (nn.Linear(inputs, dim) for _ in range(3))
        self._multihead_attn = nn.MultiheadAttention(dim, heads, batch_first=True)

    def forward(self, query, x, lengths):
        means = []
        for row, length in zip(x, lengths.tolist()):
            each = row[None, :length]
            operands = (self._query(each), self._key(each), self._value(each))
            empty = x.new_zeros(operands[0].shape[2])
            means.append(self._multihead_attn(*operands)[0].mean(1)[0] if length else empty)
        return torch.stack(means)


# Columns of a sequence, and the candidate's features.
GROUPS = {
    "click": (["cat_0", "cat_1"], ["click__cat_0", "click__int_0", "click__cat_1"]),
    "visit": (["cat_2"], ["visit"]),
}
SEQUENCE_TABLES = {**FEATURE_TABLES, "click__cat_0": "cat_0_emb", "click__cat_1": "cat_1_emb", "visit": "cat_1_emb"}


class SequenceRanker(Ranker):
    """Its queries and sequences have other tables than the features of its groups."""

    def __init__(self, output, wide_dim=None):
        super().__init__(output, wide_dim)
        impl = nn.Module()
        impl.ec_dict = nn.ModuleDict({"4": nn.Module()})
        tables = {name: nn.Embedding(rows, DIM) for name, rows in TABLES.items()}
        impl.ec_dict["4"].embeddings = nn.ModuleDict(tables)
        self.embedding_group.seq_emb_impls = nn.ModuleDict({"__BASE__": impl})

    def entries(self, data, name):
        if name not in SEQUENCE_TABLES:
            return data[name][..., None]
        return self.embedding_group.seq_emb_impls["__BASE__"].ec_dict["4"].embeddings[SEQUENCE_TABLES[name]](data[name])

    def encoded(self, data, name, encoder):
        query, x = (torch.cat([self.entries(data, each) for each in part], -1) for part in GROUPS[name])
        lengths = data[f"{name}/lengths"]
        return encoder(query, x * mask_of(x, lengths)[:, :, None], lengths)


class Sequences(SequenceRanker):
    """Wide & Deep whose deep group has sequences."""

    def __init__(self):
        super().__init__(5, 4)
        click = 2 * DIM + 1
        encoders = [DIN(click), Windows(click, [1, 2, 3]), SelfAttention(click, 6, 2), SimpleAttention(), Pooling()]
        self.embedding_group._group_name_to_seq_encoders = nn.ModuleDict({"deep": nn.ModuleList(encoders)})
        self.deep_mlp = MLP(MIXED_DIM + click + 4 * click + 6 + 2 * DIM, [6, 5])

    def forward(self, data):
        wide = self.group(data, SPARSE, "_wide").sum(dim=1, keepdim=True)
        encoders = self.embedding_group._group_name_to_seq_encoders["deep"]
        encoded = [self.encoded(data, "click" if i < 3 else "visit", each) for i, each in enumerate(encoders)]
        return wide + self.output(self.deep_mlp(torch.cat([self.group(data, MIXED), *encoded], 1)))


# The features of towers.
USER = ["int_0", "cat_0"]
ITEM = ["cat_2", "int_1", "cat_1"]


class MultiTower(Ranker):
    def __init__(self):
        super().__init__(4)
        user, item = MLP(1 + DIM, [5, 3], act=nn.PReLU), MLP(1 + 2 * DIM, [4], norm=nn.BatchNorm1d)
        self.towers = nn.ModuleDict({"user": user, "item": item})
        self.final_mlp = MLP(3 + 4, [4])

    def forward(self, data):
        towers = [self.towers[name](self.group(data, names)) for name, names in (("user", USER), ("item", ITEM))]
        return self.output(self.final_mlp(torch.cat(towers, 1)))


class MultiTowerDIN(SequenceRanker):
    """The first tower also has an encoder of a sequence."""

    def __init__(self):
        super().__init__(4)
        click = 2 * DIM + 1
        self.embedding_group._group_name_to_seq_encoders = nn.ModuleDict({"user": nn.ModuleList([Pooling()])})
        self.towers = nn.ModuleDict({"user": MLP(1 + DIM + click, [5, 3]), "item": MLP(1 + 2 * DIM, [4])})
        self.din_towers = nn.ModuleList([DIN(click), DIN(DIM)])
        self.final_mlp = MLP(3 + 4 + click + DIM, [6, 4])

    def forward(self, data):
        (pooling,) = self.embedding_group._group_name_to_seq_encoders["user"]
        user = torch.cat([self.group(data, USER), self.encoded(data, "click", pooling)], 1)
        towers = [self.towers["user"](user), self.towers["item"](self.group(data, ITEM))]
        attended = [self.encoded(data, name, tower) for name, tower in zip(["click", "visit"], self.din_towers)]
        return self.output(self.final_mlp(torch.cat([*towers, *attended], 1)))


class FeatureDropout(nn.Module):
    """In inference a feature is multiplied by the probability with which training keeps it."""

    def __init__(self, dims):
        super().__init__()
        self.feature_p = nn.Parameter(torch.empty(len(dims)))
        self.register_buffer("feature_dim_repeat", torch.tensor(dims, dtype=torch.int))

    def forward(self, x):
        return x * torch.repeat_interleave(1 - self.feature_p.sigmoid(), self.feature_dim_repeat, dim=-1)


class VariationalDropout(SequenceRanker):
    """DeepFM with dropout of the features of all three groups, also of the vector of a sequence."""

    def __init__(self):
        super().__init__(5, 4)
        self.embedding_group._group_name_to_seq_encoders = nn.ModuleDict({"deep": nn.ModuleList([Pooling()])})
        deep = [1, DIM, DIM, 1, DIM, 2 * DIM + 1]
        dims = {"wide": [4] * 3, "deep": deep, "fm": [DIM] * 3}
        self.group_variational_dropouts = nn.ModuleDict({name: FeatureDropout(each) for name, each in dims.items()})
        self.deep_mlp = MLP(sum(deep), [6, 5])

    def forward(self, data):
        (pooling,) = self.embedding_group._group_name_to_seq_encoders["deep"]
        dropout = self.group_variational_dropouts
        wide = dropout["wide"](self.group(data, SPARSE, "_wide")).sum(dim=1, keepdim=True)
        deep = dropout["deep"](torch.cat([self.group(data, MIXED), self.encoded(data, "click", pooling)], 1))
        fm = pairwise(dropout["fm"](self.group(data, SPARSE)).reshape(-1, 3, DIM))
        return wide + fm.sum(dim=1, keepdim=True) + self.output(self.deep_mlp(deep))


MODELS = {
    "dlrm": DLRM,
    "deepfm": DeepFM,
    "deepfm_final": lambda: DeepFM([4], 8),
    "wide_and_deep": WideAndDeep,
    "xdeepfm": XDeepFM,
    "wukong": WuKong,
    "dcn_v1": DCNV1,
    "dcn_v2": lambda: DCNV2(deep=[6, 5]),
    "dcn_v2_backbone": lambda: DCNV2(backbone=[8]),
    "mask_net": lambda: MaskNet(True, [6, 4]),
    "mask_net_serial": lambda: MaskNet(False),
    "sequences": Sequences,
    "multi_tower": MultiTower,
    "multi_tower_din": MultiTowerDIN,
    "variational_dropout": VariationalDropout,
}


def sequences_of(generator):
    """Padded columns and lengths; the first row has no entries."""
    data = {}
    for name, (_, columns) in GROUPS.items():
        lengths = torch.randint(9, (ROWS,), generator=generator) * (torch.arange(ROWS) > 0)
        data[f"{name}/lengths"] = lengths
        for column in columns:
            shape = (ROWS, int(lengths.max()))
            table = SEQUENCE_TABLES.get(column)
            numbers = torch.randn(shape, generator=generator)
            data[column] = torch.randint(TABLES[table], shape, generator=generator) if table else numbers
    return data


def row_of(data, i):
    """A row as a request has it: sequences are lists."""
    lengths = {column: data[f"{name}/lengths"][i] for name, (_, columns) in GROUPS.items() for column in columns}
    values = {key: value[i] for key, value in data.items() if not key.endswith("/lengths")}
    return {key: (value[: lengths[key]] if key in lengths else value).tolist() for key, value in values.items()}


def main():
    generator = torch.Generator().manual_seed(1)
    data = {name: torch.randn(ROWS, generator=generator) for name in DENSE}
    for name, table in FEATURE_TABLES.items():
        data[name] = torch.randint(TABLES[table], (ROWS,), generator=generator)
    data.update(sequences_of(torch.Generator().manual_seed(2)))
    logits = {}
    for name, make in MODELS.items():
        model = make()
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.copy_(0.5 * torch.randn(parameter.shape, generator=generator))
            for key, buffer in model.named_buffers():
                if key.endswith("running_mean"):
                    buffer.copy_(torch.randn(buffer.shape, generator=generator))
                if key.endswith("running_var"):
                    buffer.copy_(0.5 + torch.rand(buffer.shape, generator=generator))
        save_file({f"model.{key}": value for key, value in model.state_dict().items()}, OUT / f"{name}.safetensors")
        exact = {key: value.double() if value.is_floating_point() else value for key, value in data.items()}
        with torch.no_grad():
            logits[name] = model.double().eval()(exact)[:, 0].tolist()
    rows = [row_of(data, i) for i in range(ROWS)]
    (OUT / "logits.json").write_text(json.dumps({"rows": rows, "logits": logits}, indent=1) + "\n")


if __name__ == "__main__":
    main()
