"""What is trained: models, features and optimizers as Pairloom's config has them."""

from fixture_models import ACTIVATIONS

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
