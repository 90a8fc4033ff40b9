"""LightGBM beside Pairloom, for docs/benchmarks.md: the same rows, columns and splits.

  pip install lightgbm duckdb pyarrow pandas scikit-learn
  python bench/trees.py flights      # a small grid, chosen on the validation split
  python bench/trees.py train.csv test.csv   # its defaults, on tables with a column `label`; bench/bank.ts writes such
  python bench/trees.py adult.data adult.test.data income age,workclass,…   # the same, of files without a header

Pairloom, its tests and CI never need Python.
"""

import sys
import time

import duckdb
import lightgbm
import pandas
from sklearn.metrics import log_loss, roc_auc_score

FLIGHTS = "node_modules/vega-datasets/data/flights-3m.parquet"
FLIGHTS_SQL = f"""
SELECT hour(date) AS hour, isodow(date) AS weekday, month(date) AS month, distance, origin, destination,
       origin || '-' || destination AS route, CAST(delay >= 15 AS INT) AS label,
       CASE WHEN date < '2001-06-04' THEN 'train' WHEN date < '2001-06-18' THEN 'valid' ELSE 'test' END AS split
FROM '{FLIGHTS}'"""
# How texts are given, leaves, and learning rate.
GRID = [
    ("codes", 255, 0.1),
    ("codes", 255, 0.3),
    ("codes", 1023, 0.1),
    ("codes", 4095, 0.1),
    ("category", 63, 0.1),
    ("category", 255, 0.1),
]


def splits(table, texts="category"):
    """Texts become categories, or numbers in the order of the texts; the columns `label` and `split` say what they are."""
    for name in table.columns:
        if name not in ("label", "split") and not pandas.api.types.is_numeric_dtype(table[name]):
            table[name] = table[name].astype("category")
            if texts == "codes":
                table[name] = table[name].cat.codes
    inputs = [name for name in table.columns if name not in ("label", "split")]
    part = {name: table[table.split == name] for name in ("train", "valid", "test")}
    return {name: (rows[inputs], rows.label) for name, rows in part.items() if len(rows) > 0}


def fit(parts, **settings):
    started = time.time()
    model = lightgbm.LGBMClassifier(random_state=1, verbose=-1, **settings)
    stop = lightgbm.early_stopping(30, verbose=False)
    model.fit(*parts["train"], eval_set=[parts["valid"]], eval_metric="auc", callbacks=[stop])
    return model, time.time() - started


def report(name, model, seconds, parts):
    figures = []
    for split in ("valid", "test"):
        if split not in parts:
            continue
        inputs, labels = parts[split]
        scores = model.predict_proba(inputs)[:, 1]
        figures.append(f"{split} AUC {roc_auc_score(labels, scores):.4f} log loss {log_loss(labels, scores):.5f}")
    print(name, *figures, f"{model.best_iteration_} trees", f"{seconds:.1f} s", sep=", ", flush=True)


def flights():
    for texts, num_leaves, learning_rate in GRID:
        parts = splits(duckdb.sql(FLIGHTS_SQL).df(), texts)
        settings = {"n_estimators": 3000, "learning_rate": learning_rate, "num_leaves": num_leaves, "max_bin": 8191}
        report((texts, num_leaves, learning_rate), *fit(parts, **settings), parts)


def defaults(train, test, label="label", columns=None):
    names = f", names = {columns.split(',')}" if columns else ""
    read = lambda path, split: f"SELECT * RENAME ({label} AS label), '{split}' AS split FROM read_csv('{path}'{names})"
    rows = duckdb.sql(f"{read(train, 'train')} UNION ALL {read(test, 'test')}").df()
    parts = splits(rows)
    started = time.time()
    model = lightgbm.LGBMClassifier(n_jobs=2, verbose=-1).fit(*parts["train"])
    report("defaults", model, time.time() - started, {"test": parts["test"]})


flights() if sys.argv[1] == "flights" else defaults(*sys.argv[1:])
