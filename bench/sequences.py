"""The peer of bench/sequences.ts: DIN in PyTorch, on batches padded to their longest history, or on nested tensors. Prints
samples per second.
usage: python bench/sequences.py POWER [--form padded|nested] [--threads N] [--seconds 3]   (torch)
"""

import argparse
import time

import torch
import torch.nn as nn
import torch.nn.functional as F

BATCH, BATCHES, ITEMS, LONGEST, DIM = 2048, 8, 100_000, 500, 32


def layers(*widths, activation):
    return nn.Sequential(*(m for i, o in zip(widths, widths[1:]) for m in (nn.Linear(i, o), activation())))


class Din(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention = nn.Sequential(layers(4 * DIM, 80, 40, activation=nn.Sigmoid), nn.Linear(40, 1, bias=False))
        self.top = nn.Sequential(layers(2 * DIM, 200, 80, activation=nn.ReLU), nn.Linear(80, 1))

    def scores(self, q, x):
        return self.attention(torch.cat([q, x, q - x, q * x], -1))

    def padded(self, item, x, mask):
        q = item[:, None].expand(-1, x.shape[1], -1)
        weights = F.softmax(self.scores(q, x).squeeze(2).masked_fill(~mask, -(2.0**32)), 1)
        return self.head(item, torch.einsum("bt,btd->bd", weights, x * mask[:, :, None]))

    def nested(self, item, x, offsets):
        row = torch.repeat_interleave(torch.arange(len(item)), offsets.diff())
        jagged = lambda values: torch.nested.nested_tensor_from_jagged(values, offsets)
        weights = torch.softmax(self.scores(jagged(item[row]), jagged(x)), 1).values()
        # The sum of a nested tensor over the entries of a row has no gradient on CPUs (PyTorch 2.13).
        return self.head(item, torch.zeros_like(item).index_add(0, row, weights * x))

    def head(self, item, pooled):
        return self.top(torch.cat([item, pooled], 1))


def batches(power, form):
    torch.manual_seed(0)
    draw = lambda *shape: (ITEMS ** torch.rand(shape)).long().sub(1).clamp(0, ITEMS - 1)
    for _ in range(BATCHES):
        lengths = (LONGEST ** (torch.rand(BATCH) ** power)).long()
        mask = torch.arange(int(lengths.max()))[None] < lengths[:, None]
        item, items, label = draw(BATCH), draw(*mask.shape) * mask, (torch.rand(BATCH, 1) < 0.25).float()
        if form == "padded":
            yield item, items, mask, label
        else:
            yield item, items[mask], torch.cat([torch.zeros(1, dtype=torch.long), lengths.cumsum(0)]), label


def main():
    a = argparse.ArgumentParser()
    a.add_argument("power", type=float)
    a.add_argument("--form", choices=["padded", "nested"], default="padded")
    a.add_argument("--threads", type=int)
    a.add_argument("--seconds", type=float, default=3)
    args = a.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    model, table = Din(), nn.Embedding(ITEMS, DIM, sparse=True)
    sparse, dense = torch.optim.Adagrad(table.parameters(), lr=0.01), torch.optim.Adam(model.parameters(), lr=1e-3)
    data, loss_of = list(batches(args.power, args.form)), nn.BCEWithLogitsLoss()

    def step(i):
        item, items, ends, y = data[i % BATCHES]
        loss = loss_of(getattr(model, args.form)(table(item), table(items), ends), y)
        dense.zero_grad(set_to_none=True)
        sparse.zero_grad(set_to_none=True)
        loss.backward()
        dense.step()
        sparse.step()

    step(0)
    times, end = [], time.perf_counter() + args.seconds
    while time.perf_counter() < end or len(times) < 3:
        start = time.perf_counter()
        step(len(times) + 1)
        times.append(time.perf_counter() - start)
    print(round(BATCH / sorted(times)[len(times) // 2]))


main()
