"""Values and gradients of learned dropout of features, from PyTorch: writes fixtures/variational_dropout.json.

The uniform draws are those of src/random.ts, so that both have the same noise. TorchEasyRec's module also adds 2^-23 inside
of each logarithm. Run with any Python that has torch: python conformance/make_dropout_fixtures.py
"""
import json
from pathlib import Path

import torch

ROWS, DIMS = 16, [3, 1, 2, 1]
SEED, STEP = 3, 5
STREAM = 0x872A3289  # of the name group.dropout
LAMBDA = 4.0  # of the sum over the features, divided by the rows
TEMPERATURE = 0.1
MASK = 0xFFFFFFFF


def mix(h):
    h = ((h ^ (h >> 16)) * 0x21F0AAAD) & MASK
    h = ((h ^ (h >> 15)) * 0x735A2D97) & MASK
    return h ^ (h >> 15)


def draws(count):
    k0 = mix(SEED ^ mix(0x9E3779B9) ^ mix((STREAM + 0x85EBCA6B) & MASK))
    k1 = mix(k0 ^ mix((STEP + 0xC2B2AE35) & MASK) ^ mix(0x27D4EB2F))
    return [mix((mix(index ^ k0) + k1) & MASK) for index in range(count)]


def main():
    torch.manual_seed(1)
    torch.set_default_dtype(torch.float64)
    count = len(DIMS)
    u = torch.tensor([((draw >> 9) + 0.5) / 2**23 for draw in draws(ROWS * count)]).reshape(ROWS, count)
    x = torch.randn(ROWS, sum(DIMS)).float().double().requires_grad_()
    logits = torch.randn(count).float().double().requires_grad_()
    weights = torch.randn(ROWS, sum(DIMS)).float().double()
    p = torch.sigmoid(logits)
    z = torch.sigmoid((p.log() - (1 - p).log() + u.log() - (1 - u).log()) / TEMPERATURE)
    spread = torch.repeat_interleave(1 - z, torch.tensor(DIMS), dim=-1)
    y = x * spread
    loss = (y * weights).sum(1).mean() + LAMBDA / ROWS * (1 - p).sum()
    loss.backward()
    inference = x * torch.repeat_interleave(1 - p, torch.tensor(DIMS), dim=-1)
    fixture = {
        "seed": SEED, "step": STEP, "stream": STREAM, "dims": DIMS, "regularization": LAMBDA / ROWS,
        "x": x.tolist(), "logits": logits.tolist(), "weights": weights.tolist(),
        "training": y.tolist(), "inference": inference.tolist(), "loss": loss.item(),
        "gradients": {"x": x.grad.tolist(), "logits": logits.grad.tolist()},
    }
    path = Path(__file__).parent / "fixtures" / "variational_dropout.json"
    path.write_text(json.dumps(fixture) + "\n")


if __name__ == "__main__":
    main()
