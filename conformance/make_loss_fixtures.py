"""Values and gradients of losses over several logits, from PyTorch: writes fixtures/losses.json.

Run with any Python that has torch: python conformance/make_loss_fixtures.py
"""
import json
from pathlib import Path

import torch
import torch.nn.functional as F

ROWS = 24


def softmax_case(classes, smoothing):
    logits = (torch.randn(ROWS, classes) * 3).requires_grad_()
    labels = torch.randint(classes, (ROWS,))
    losses = F.cross_entropy(logits, labels, reduction="none", label_smoothing=smoothing)
    return case(logits, labels, losses, loss={"kind": "softmaxCrossEntropy", "classes": classes, "labelSmoothing": smoothing})


def case(logits, labels, losses, **extra):
    weights = torch.rand(ROWS)
    (losses * weights).mean().backward()
    return {
        **extra,
        "logits": logits.tolist(),
        "labels": labels.tolist(),
        "weights": weights.tolist(),
        "losses": losses.tolist(),
        "gradient": logits.grad.tolist(),
    }


torch.manual_seed(3)
torch.set_default_dtype(torch.float64)
cases = [softmax_case(*settings) for settings in [(2, 0), (3, 0.1), (7, 0), (20, 0.3)]]
path = Path(__file__).parent / "fixtures" / "losses.json"
path.write_text(json.dumps(cases, separators=(",", ":"), indent=None) + "\n")
