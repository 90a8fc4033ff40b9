"""Checks exported models with the checker of ONNX, and records what it has seen in fixtures/onnx-checker.json.

    ONNX_DIR=/tmp/onnx npx vitest run onnx cli-export    # keeps the models that the tests make
    pip install onnx
    python conformance/check_onnx.py /tmp/onnx

The tests then ask that every operator that Pairloom writes is in this record.
"""

import json
import pathlib
import sys

import onnx

folder = pathlib.Path(sys.argv[1])
paths = sorted(folder.glob("*.onnx"))
operators = set()
for path in paths:
    onnx.checker.check_model(str(path), full_check=True)
    model = onnx.load(path, load_external_data=False)
    operators |= {f"{node.domain}:{node.op_type}" for node in model.graph.node}

record = {"onnx": onnx.__version__, "models": len(paths), "operators": sorted(operators)}
target = pathlib.Path(__file__).parent / "fixtures" / "onnx-checker.json"
target.write_text(json.dumps(record, indent=2) + "\n")
print(f"{len(paths)} models with {len(operators)} operators passed the checker of onnx {onnx.__version__}")
