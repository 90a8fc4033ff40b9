"""Operations on entries of sequences, row by row in PyTorch: writes fixtures/jagged.json.

Run with any Python that has torch: python conformance/make_jagged_fixtures.py

Of each operation: its outputs, the gradients of a loss by all of its operands, and the operands after 20 steps of SGD, in
float64. conformance/jagged.test.ts draws the same operands.
"""
import json
from pathlib import Path

import torch

STEPS = 20
# Rows without entries, and one of 10,000.
LENGTHS = {"a": [3, 0, 10000, 5, 1, 0, 70], "b": [0, 4, 2, 9, 0, 1, 150]}
ROWS = len(LENGTHS["a"])
LENGTHS["both"] = [a + b for a, b in zip(LENGTHS["a"], LENGTHS["b"])]
SAMPLES = 40


def drawn(stream, *shape):
    """Numbers in [-1, 1), in float32 and the same as `drawn` of the test."""
    count = torch.Size(shape).numel()
    values = []
    for i in range(count):
        x = (i * 2654435761 + stream * 40503) & 0xFFFFFFFF
        x ^= x >> 15
        x = (x * 0x85EBCA6B) & 0xFFFFFFFF
        x ^= x >> 13
        values.append(x / 2**31 - 1)
    return torch.tensor(values, dtype=torch.float32).double().reshape(shape)


def rows_of(x, sequence):
    return x.split(LENGTHS[sequence])


def by_row(operation):
    """An operation on the entries of each row of sequence a."""
    return lambda x: [torch.cat([operation(row) for row in rows_of(x, "a")])]


def pooled(pool):
    none = torch.zeros(1, 2, dtype=torch.double)
    return by_row(lambda row: pool(row)[None] if len(row) else none)


def repeated(mean):
    def repeat(x):
        parts = [row[None].expand(n, -1) / (n if mean and n else 1) for row, n in zip(x, LENGTHS["a"])]
        return [torch.cat(parts)]
    return repeat


def concat(prefix):
    def join(left, right):
        rows = zip(rows_of(left, "a"), rows_of(right, "b"))
        return [torch.cat([torch.cat([r[:prefix], l, r[prefix:]]) for l, r in rows])]
    return join


def split(prefix):
    def part(x):
        left, right = [], []
        for row, a, b in zip(rows_of(x, "both"), LENGTHS["a"], LENGTHS["b"]):
            first = min(prefix, b)
            left.append(row[first:first + a])
            right.append(torch.cat([row[:first], row[first + a:]]))
        return [torch.cat(left), torch.cat(right)]
    return part


def matmul(x, w, bias):
    """jagged_dense_bmm_broadcast_add: y_i = x_i W_b + bias_b."""
    return [torch.cat([row @ w[b] + bias[b] for b, row in enumerate(rows_of(x, "a"))])]


# Of each row: places in any order, some twice, some that the row does not have.
GATHERED = [[(3 * b + 5 * i) % 7 - 1 for i in range(4)] for b in range(ROWS)]
GATHERED[2] = [9999, 0, 9999, 4711]


def gathered(last):
    def gather(x):
        none = torch.zeros(2, dtype=torch.double)
        at = lambda row, place: row[len(row) - 1 - place if last else place] if 0 <= place < len(row) else none
        return [torch.stack([torch.stack([at(row, p) for p in asked]) for row, asked in zip(rows_of(x, "a"), GATHERED)])]
    return gather


def places():
    """Of each entry of b, the place in its row of a; some rows have fewer entries."""
    return [i * 7 % 5 for n in LENGTHS["b"] for i in range(n)]


def outer_of_inner():
    """For each entry of b the entry of a at its place, or none."""
    result, at, first = [], 0, 0
    for a, b in zip(LENGTHS["a"], LENGTHS["b"]):
        for place in places()[at:at + b]:
            result.append(first + place if place < a else None)
        at, first = at + b, first + a
    return result


def pool_entries(mean):
    def pool(x):
        out = [[] for _ in range(sum(LENGTHS["a"]))]
        for i, outer in enumerate(outer_of_inner()):
            if outer is not None:
                out[outer].append(x[i])
        none = torch.zeros(2, dtype=torch.double)
        total = lambda parts: torch.stack(parts).mean(0) if mean else torch.stack(parts).sum(0)
        return [torch.stack([total(parts) if parts else none for parts in out])]
    return pool


def spread_entries(x):
    none = torch.zeros(2, dtype=torch.double)
    return [torch.stack([none if outer is None else x[outer] for outer in outer_of_inner()])]


A, B, BOTH = (sum(LENGTHS[name]) for name in ("a", "b", "both"))
# By name: the shapes of the operands, the operation, and the learning rate.
CASES = {
    "segmentSum sum": ([(A, 2)], pooled(lambda row: row.sum(0)), 5e-4),
    "segmentSum mean": ([(A, 2)], pooled(lambda row: row.mean(0)), 0.2),
    "segmentMax": ([(A, 2)], pooled(lambda row: row.max(0).values), 0.2),
    "segmentSoftmax": ([(A, 1)], by_row(lambda row: row.softmax(0)), 0.2),
    "repeatRows sum": ([(ROWS, 2)], repeated(False), 5e-4),
    "repeatRows mean": ([(ROWS, 2)], repeated(True), 0.2),
    "concatEntries 0": ([(A, 2), (B, 2)], concat(0), 0.2),
    "concatEntries 3": ([(A, 2), (B, 2)], concat(3), 0.2),
    "splitEntries 0": ([(BOTH, 2)], split(0), 0.2),
    "splitEntries 3": ([(BOTH, 2)], split(3), 0.2),
    "segmentMatmul": ([(A, 2), (ROWS, 2, 3), (ROWS, 3)], matmul, 5e-4),
    "gatherEntries first": ([(A, 2)], gathered(False), 0.2),
    "gatherEntries last": ([(A, 2)], gathered(True), 0.2),
    "poolEntries sum": ([(B, 2)], pool_entries(False), 0.2),
    "poolEntries mean": ([(B, 2)], pool_entries(True), 0.2),
    "spreadEntries sum": ([(A, 2)], spread_entries, 0.2),
}


def loss_of(outputs):
    """The mean over rows of the sums of c y + y² / 2, with drawn numbers c."""
    terms = [(drawn(100 + i, *y.shape) * y + y * y / 2).sum() for i, y in enumerate(outputs)]
    return sum(terms) / ROWS


def short(value):
    return float(f"{value:.9g}")


def digest(x):
    """Some of the numbers, evenly spaced, the largest one, and the sum of all by drawn factors."""
    flat = x.detach().flatten()
    samples = flat[::max(1, -(-len(flat) // SAMPLES))]
    return {
        "shape": list(x.shape),
        "samples": [short(value) for value in samples.tolist()],
        "largest": short(flat.abs().max().item()),
        "projection": short((flat * drawn(200, len(flat))).sum().item()),
    }


def case(shapes, operation, rate):
    operands = [drawn(i, *shape).requires_grad_() for i, shape in enumerate(shapes)]
    for step in range(STEPS):
        outputs = operation(*operands)
        loss = loss_of(outputs)
        gradients = torch.autograd.grad(loss, operands)
        if step == 0:
            first = {"loss": loss.item(), "outputs": outputs, "gradients": gradients}
        operands = [(x - rate * g).detach().requires_grad_() for x, g in zip(operands, gradients)]
    digests = {name: [digest(x) for x in first[name]] for name in ("outputs", "gradients")}
    return {"rate": rate, "loss": first["loss"], **digests, "trained": [digest(x) for x in operands]}


fixture = {"steps": STEPS, "lengths": LENGTHS, "places": places(), "gathered": GATHERED}
cases = ",\n".join(f"{json.dumps(name)}: {json.dumps(case(*each))}" for name, each in CASES.items())
path = Path(__file__).parent / "fixtures" / "jagged.json"
path.write_text(f'{json.dumps(fixture)[:-1]}, "cases": {{\n{cases}\n}}}}\n')
