"""What is trained: models, features and optimizers as Pairloom's config has them."""

from fixture_models import ACTIVATIONS
from fixture_sequences import SEQUENCE_SPECS

NUMBER = {"kind": "number", "name": "price", "width": 1}
VECTOR = {"kind": "number", "name": "history", "width": 3}
USER = {"kind": "id", "name": "user", "table": "user", "rows": 11}
ITEM = {"kind": "id", "name": "item", "table": "item", "rows": 7}
# Looks up the table of "item" a second time.
SEEN = {"kind": "ids", "name": "seen", "table": "item", "rows": 7, "pooling": "sum"}
TAGS = {"kind": "ids", "name": "tags", "table": "tags", "rows": 9, "pooling": "mean"}
LIKED = {"kind": "ids", "name": "liked", "table": "user", "rows": 11, "pooling": "mean"}
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
# What every model trains with, unless it names its own.
BASE_RUNS = list(RUNS)
DENSE_SGD = {"kind": "sgd", "learningRate": 0.1}
EVERY_ROW = {"lazy": False}


def table_run(**embedding):
    return {"dense": DENSE_SGD, "embedding": {**embedding, **EVERY_ROW}, "l2": {**NO_L2, "embedding": 0.01}}


def settings_run(**settings):
    embedding = {"kind": "adagrad", "learningRate": 0.05, **ACCUMULATOR}
    return {"dense": {"kind": "adam", "learningRate": 0.005, **ADAM}, "embedding": embedding, "l2": NO_L2, **settings}


def momentum(dampening=0, nesterov=False):
    settings = {"momentum": 0.9, "dampening": dampening, "nesterov": nesterov}
    return {"kind": "momentum", "learningRate": 0.02, **settings}


SETTINGS = {
    "rmsprop": table_run(kind="rmsprop", learningRate=0.003, decay=0.95, eps=1e-4),
    "adadelta": table_run(kind="adadelta", learningRate=0.9, decay=0.9, eps=1e-5),
    "lamb": table_run(kind="lamb", learningRate=0.01, **{**ADAM, "eps": 1e-6}, weightDecay=0.02),
    "partialRowWiseAdam": table_run(kind="partialRowWiseAdam", learningRate=0.01, **ADAM),
    "momentum": settings_run(dense=momentum(), l2={**NO_L2, "dense": 0.01}),
    "dampened": settings_run(dense=momentum(dampening=0.4)),
    "nesterov": settings_run(dense=momentum(nesterov=True), l2={**NO_L2, "dense": 0.01}),
    "denseRmsprop": settings_run(dense={"kind": "rmsprop", "learningRate": 0.003, "decay": 0.95, "eps": 1e-4}),
    "denseAdadelta": settings_run(dense={"kind": "adadelta", "learningRate": 0.9, "decay": 0.9, "eps": 1e-5}),
    "labelSmoothing": settings_run(loss={"kind": "binaryCrossEntropy", "labelSmoothing": 0.2}),
    "focal": settings_run(loss={"kind": "focal", "gamma": 1.5, "alpha": 0.3}),
    "squaredError": settings_run(loss={"kind": "squaredError"}),
    "clipNorm": settings_run(dense=DENSE_SGD, clip={"norm": 0.05}),
    "clipValueAndNorm": settings_run(dense=DENSE_SGD, clip={"value": 0.01, "norm": 0.03}),
    "average": settings_run(average={"decay": 0.9}),
    "overrides": settings_run(
        overrides=[
            {"pattern": r".*\.bias", "dense": {"kind": "sgd", "learningRate": 0.05}, "l2": 0},
            {"pattern": r"mlp\.0\..*", "l2": 0.1},
            {"pattern": r"embeddings\.(item|tags)\.weight", "embedding": {"kind": "sgd", "learningRate": 0.3}},
        ],
        l2={**NO_L2, "dense": 0.02},
    ),
}
RUNS.update(SETTINGS)

FAMILY_RUNS = ["sgd", "adamLazy", "rowWiseAdagrad"]
EMBEDDED = ["user", "item", "seen", "tags"]
SMALL = {"hiddenUnits": [6]}


def wukong_spec(dense, *layers):
    return {
        "kind": "wukong",
        **({"dense": {"features": ["price", "history"], "mlp": {"hiddenUnits": [5, 6]}}} if dense else {}),
        "sparse": {"features": EMBEDDED},
        "embeddingDim": 6,
        "layers": [
            {"interactionFields": fmb, "linearFields": lcb, "rank": rank, "mlp": {"hiddenUnits": [7]}}
            for fmb, lcb, rank in layers
        ],
        "final": SMALL,
    }


def cross_spec(kind, cross, **mlps):
    return {"kind": kind, "features": names(ALL), "embeddingDim": 3, "cross": cross, **mlps}


def attention_spec(layers, heads, scaled, residual, **rest):
    attention = {"layers": layers, "heads": heads, "headDim": 3, "scaled": scaled, "residual": residual}
    return {"kind": "autoInt", "features": EMBEDDED, "embeddingDim": 4, "attention": attention, **rest}


def mask_net_spec(structure, ratio, **rest):
    blocks = {"count": 2, "units": 5, "reductionRatio": ratio}
    model = {"kind": "maskNet", "features": names(ALL), "embeddingDim": 3, "structure": structure}
    return {**model, "blocks": blocks, **rest}


def wide_spec(**rest):
    model = {"kind": "wideAndDeep", "wide": {"features": names(ALL), "embeddingDim": 4}}
    return {**model, "deep": {"features": names(ALL), "mlp": {"hiddenUnits": [6, 4]}}, "embeddingDim": 3, **rest}


FAMILY_SPECS = {
    "wukong": wukong_spec(True, (3, 2, 2), (2, 4, 3)),
    "wukong_sparse": wukong_spec(False, (2, 2, 3)),
    "dcn": cross_spec("dcn", {"layers": 3}, deep={"hiddenUnits": [7, 5]}, final=SMALL),
    "dcn_v2": cross_spec("dcnV2", {"layers": 2}, deep={"hiddenUnits": [7, 5]}),
    "dcn_v2_low_rank": cross_spec("dcnV2", {"layers": 3, "rank": 4}, backbone={"hiddenUnits": [9]}, final=SMALL),
    **{
        f"pnn_{product}": {
            "kind": "pnn", "features": names(ALL), "embeddingDim": 3, "product": product, "mlp": SMALL,
        }
        for product in ("inner", "outer", "both")
    },
    "fwfm": {"kind": "fwfm", "features": names(ALL), "embeddingDim": 5},
    "nfm": {"kind": "nfm", "features": names(ALL), "embeddingDim": 5, "mlp": SMALL},
    "auto_int": attention_spec(2, 2, False, True),
    "auto_int_plus": attention_spec(1, 3, True, False, deep=SMALL),
    "mask_net_parallel": mask_net_spec("parallel", 0.5, mlp=SMALL),
    "mask_net_serial": mask_net_spec("serial", 1),
    "wide_and_deep": wide_spec(),
    "wide_and_deep_final": wide_spec(final=SMALL),
}

def deepfm_spec(**rest):
    model = {"kind": "deepfm", "wide": {"features": names(ALL), "embeddingDim": 4}}
    return {**model, "deep": {"features": names(ALL), "mlp": {"hiddenUnits": [6, 4]}}, "embeddingDim": 5, **rest}


def xdeepfm_spec(wide, cin, **rest):
    deep = {"features": names(ALL), "mlp": {"hiddenUnits": [6, 4]}}
    model = {"kind": "xdeepfm", "wide": {"features": EMBEDDED, **wide}, "deep": deep, "embeddingDim": 3}
    return {**model, "cin": cin, **rest}


DEEPFM_SPECS = {
    "deepfm": deepfm_spec(),
    "deepfm_final": deepfm_spec(fm={"features": ["user", "item", "tags"]}, final=SMALL),
    "xdeepfm": xdeepfm_spec({"tables": "own", "embeddingDim": 6}, {"layers": [5, 4, 3]}, final=SMALL),
    "xdeepfm_terms": xdeepfm_spec({"tables": "shared"}, {"layers": [4], "bias": False}, fm=True, linear=True),
    "xdeepfm_elu": xdeepfm_spec(
        {"tables": "shared"}, {"layers": [4, 5], "activation": "elu"}, fm=True, linear=True, final=SMALL,
    ),
}

AUTO_DIS = {"kind": "autoDis", "channels": 5, "temperature": 0.5, "keep": 0.8}
DENSE_EMBEDDED = [
    {"kind": "number", "name": "age", "width": 1, "denseEmbedding": AUTO_DIS},
    {"kind": "number", "name": "height", "width": 1, "denseEmbedding": AUTO_DIS},
    {"kind": "number", "name": "rank", "width": 1, "denseEmbedding": {"kind": "mlp"}},
]

PROFILE = {"kind": "number", "name": "profile", "width": 3, "denseEmbedding": {"kind": "mlp"}}

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
    # Normalization takes a bias away: its gradient would be rounding, which Adam makes steps of.
    "mlp_batch_norm": {"model": mlp_spec(norm="batch", bias=False), "features": ALL},
    "mlp_layer_norm": {"model": mlp_spec(norm="layer"), "features": ALL},
    **{
        f"mlp_{fn}": {"model": mlp_spec(activation=fn), "features": ALL, "runs": ["sgd"]}
        for fn in ACTIVATIONS
    },
    **{
        f"mlp_{fn}": {"model": mlp_spec(activation=fn, norm="none"), "features": ALL, "runs": ["sgd", "adamLazy"]}
        for fn in ("prelu", "dice")
    },
    **{
        name: {"model": model, "features": ALL, "runs": FAMILY_RUNS}
        for name, model in FAMILY_SPECS.items()
    },
    **{
        name: {"model": model, "features": ALL, "runs": FAMILY_RUNS}
        for name, model in DEEPFM_SPECS.items()
    },
    "training_settings": {"model": mlp_spec(), "features": ALL, "weighted": True, "runs": list(SETTINGS)},
    "dense_embeddings": {
        "model": {
            "kind": "pnn", "features": names(ALL + DENSE_EMBEDDED), "embeddingDim": 4,
            "product": "inner", "mlp": SMALL,
        },
        "features": ALL + DENSE_EMBEDDED,
        "runs": FAMILY_RUNS,
    },
    "weighted_bags": {
        "model": {**mlp_spec(), "features": names(ALL + [LIKED])},
        "features": ALL + [LIKED],
        "weightedBags": ["seen", "liked"],
        "runs": FAMILY_RUNS,
    },
    "nfm_batch_norm": {
        "model": {**FAMILY_SPECS["nfm"], "pooled": {"norm": "batch"}}, "features": ALL, "runs": FAMILY_RUNS,
    },
    "deepfm_suffix": {
        "model": deepfm_spec(fm={"features": EMBEDDED, "embeddingSuffix": "_fm"}),
        "features": ALL,
        "runs": FAMILY_RUNS,
    },
    **{
        f"{name}_embedded_dense": {
            "model": {**model, "dense": {**model["dense"], "features": ["price", "profile", "age", "user"]}},
            "features": [NUMBER, PROFILE, DENSE_EMBEDDED[0], USER, ITEM, SEEN, TAGS],
            "runs": FAMILY_RUNS,
        }
        for name, model in {"dlrm": dlrm_spec(True), "wukong": FAMILY_SPECS["wukong"]}.items()
    },
    **{
        name: {"model": mlp_spec(activation=activation), "features": ALL, "runs": ["sgd"]}
        for name, activation in {
            "mlp_shared_prelu": {"kind": "prelu", "shared": True},
            "mlp_plain_dice": {"kind": "dice", "affine": False},
            "mlp_slope": {"kind": "leakyRelu", "slope": 0.2},
        }.items()
    },
}
SPECS.update(SEQUENCE_SPECS)
