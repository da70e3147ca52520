"""Run with TRITON_INTERPRET=1: the kernels for a GPU, step by step on the CPU, against the compiled ones."""

from __future__ import annotations

from typing import Any

import torch
from triton.runtime import interpreter

from evface.models import plif_compiled, plif_triton
from evface.models.packing import Slices
from evface.models.plif_compiled import Neurons


def read_scalars(tensor: Any, scope: Any) -> None:
    """Triton 3.6 hands numpy an array of one number where numpy 2.4 wants the number."""
    patch(tensor, scope)
    scope.set_attr(tensor, "__index__", lambda self: self.handle.data.item())


patch = interpreter._patch_lang_tensor
interpreter._patch_lang_tensor = read_scalars


def main() -> None:
    """Raises where they disagree."""
    torch.manual_seed(0)
    for pooling, decay_input, C, size in ((2, False, 5, 6), (1, True, 1, 40), (2, True, 33, 4)):
        T, B, side = 4, 3, size // pooling
        slices = Slices.of(torch.zeros(T, B), torch.tensor([4, 2, 3]), padded=True)
        neurons = Neurons(pooling, 1.0, 0.0, decay_input, 2.0)
        H = size if pooling == 2 else 1
        lines = side if pooling == 2 else 1
        y = torch.randn(slices.count, H, size, C) * 1.5
        scale, shift, centre, leak = torch.rand(C) + 0.5, torch.rand(C), torch.rand(C), torch.tensor(0.4)
        gradient = torch.randn(slices.count, lines, side, C)
        found = []
        for backend in (plif_compiled, plif_triton):
            spikes = torch.zeros(slices.count, lines, side, C)
            backend.forward(y, slices.rows, scale, shift, leak, None, spikes, neurons)
            back = torch.zeros_like(y)
            sums = backend.backward(gradient, y, slices.rows, scale, shift, centre, leak, back, neurons)
            out = backend.normalised(back.clone(), y, scale, shift, centre)
            found.append((spikes, back, *sums, out, *backend.moments(y)))
        assert 0.02 < float(found[0][0].mean()) < 0.9, found[0][0].mean()
        assert torch.equal(found[0][0], found[1][0])
        for ours, theirs in zip(*found, strict=True):
            torch.testing.assert_close(theirs, ours, rtol=1e-4, atol=1e-4)


if __name__ == "__main__":
    main()
