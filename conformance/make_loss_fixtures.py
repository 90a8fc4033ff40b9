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


def labels_case(loss, label_weights, spread=3):
    """Several labels, each with a logit of its own."""
    count = len(label_weights)
    logits = (torch.randn(ROWS, count) * spread).requires_grad_()
    labels = torch.randint(2, (ROWS, count)).double()
    smoothing = loss.get("labelSmoothing", 0)
    target = labels * (1 - smoothing) + smoothing / 2
    losses = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    if loss["kind"] == "focal":
        p = torch.sigmoid(logits) * labels + torch.sigmoid(-logits) * (1 - labels)
        alpha = loss["alpha"] * labels + (1 - loss["alpha"]) * (1 - labels)
        losses = -alpha * (1 - p) ** loss["gamma"] * p.log()
    if loss["kind"] == "squaredError":
        losses = (logits - labels) ** 2
    weighted = (losses * torch.tensor(label_weights)).sum(1)
    return case(logits, labels, weighted, loss=loss, labelWeights=label_weights)


def jrc_case(sessions, alpha):
    logits = (torch.randn(ROWS, 2) * 3).requires_grad_()
    labels = torch.randint(2, (ROWS,))
    ids = torch.randint(sessions, (ROWS,))
    calibration = F.cross_entropy(logits, labels, reduction="none")
    losses = torch.stack([
        alpha * calibration[i] + (1 - alpha) * ranking(logits, labels, ids, i) for i in range(ROWS)
    ])
    loss = {"kind": "jrc", "session": "session", "alpha": alpha}
    return case(logits, labels, losses, loss=loss, sessions=ids.tolist())


def ranking(logits, labels, ids, i):
    """-log of the share that row i has of a softmax over itself and the rows of the other label in its session."""
    y = labels[i]
    rivals = [j for j in range(ROWS) if ids[j] == ids[i] and labels[j] != y]
    return -F.log_softmax(logits[[i] + rivals, y], dim=0)[0]


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
cases += [
    labels_case({"kind": "binaryCrossEntropy"}, [1.0, 1.0]),
    labels_case({"kind": "binaryCrossEntropy", "labelSmoothing": 0.2}, [1.0, 5.0, 0.25]),
    labels_case({"kind": "focal", "gamma": 1.5, "alpha": 0.3}, [2.0, 0.5]),
    labels_case({"kind": "squaredError"}, [1.0, 0.5], spread=1),
]
cases += [jrc_case(*settings) for settings in [(1, 0), (4, 0.5), (12, 0.2), (ROWS, 1)]]
path = Path(__file__).parent / "fixtures" / "losses.json"
path.write_text(json.dumps(cases, separators=(",", ":"), indent=None) + "\n")
