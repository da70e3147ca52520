"""The fused neurons against spikingjelly's, which they replace."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from spikingjelly.activation_based import functional, neuron, surrogate
from torch import nn

from evface.models.packing import Slices
from evface.models.plif import Plif


def stock(decay_input: bool) -> nn.Module:
    return neuron.ParametricLIFNode(
        init_tau=2.0,
        decay_input=decay_input,
        v_threshold=1.0,
        v_reset=0.0,
        surrogate_function=surrogate.ATan(alpha=2.0),
        detach_reset=True,
        step_mode="m",
    )


def currents(*shape: int, seed: int = 1) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)) * 0.8 + 0.2


def close(found: torch.Tensor, expected: torch.Tensor, part: float = 1e-4) -> bool:
    apart, largest = (found - expected).detach().abs().max(), expected.detach().abs().max()
    return float(apart) <= part * float(largest)


@pytest.mark.parametrize("decay_input", [False, True])
def test_spikes_are_spikingjellys_bit_by_bit_and_gradients_agree(decay_input: bool) -> None:
    x, weight = 2 * currents(11, 3, 1500), currents(11, 3, 1500, seed=2)
    oracle, ours = stock(decay_input), Plif(decay_input=decay_input)
    seen = x.clone().requires_grad_()
    expected = oracle(seen)
    (expected * weight).sum().backward()
    slices = Slices.of(x)
    packed = slices.pack(x).requires_grad_()
    spikes = slices.unpack(ours(packed, slices))
    (spikes * weight).sum().backward()
    assert 0.1 < float(expected.detach().mean()) < 0.9
    assert torch.equal(spikes, expected)
    assert close(slices.unpack(packed.grad), seen.grad)
    assert close(ours.w.grad, oracle.w.grad)


@pytest.mark.parametrize(("size", "channels"), [(12, 5), (7, 300), (40, 32)])
def test_normalisation_neurons_and_pooling_in_one_agree_with_one_by_one(size: int, channels: int) -> None:
    slices_of, clips = 5, 2
    y = currents(slices_of, clips, channels, size, size)
    weight = currents(slices_of, clips, channels, size // 2, size // 2, seed=2)
    oracle, ours = stock(False), Plif()
    norms = nn.BatchNorm2d(channels), nn.BatchNorm2d(channels)
    for norm in norms:
        nn.init.uniform_(norm.weight, 0.5, 1.5, generator=torch.Generator().manual_seed(3))
    seen = y.clone().requires_grad_()
    fired = oracle(norms[0](seen.flatten(0, 1)).unflatten(0, (slices_of, clips)))
    expected = nn.functional.max_pool2d(fired.flatten(0, 1), 2)
    (expected * weight.flatten(0, 1)).sum().backward()
    slices = Slices.of(y)
    packed = slices.pack(y).requires_grad_()
    spikes = ours.normalised(packed, norms[1], slices, 2)
    (spikes * weight.flatten(0, 1)).sum().backward()
    assert torch.equal(spikes, expected)
    assert close(packed.grad, seen.grad.flatten(0, 1))
    assert close(ours.w.grad, oracle.w.grad)
    assert close(norms[1].weight.grad, norms[0].weight.grad)
    assert close(norms[1].bias.grad, norms[0].bias.grad)
    for name, value in norms[0].state_dict().items():
        assert torch.allclose(norms[1].state_dict()[name], value, rtol=1e-5, atol=1e-6)


def test_a_short_clip_beside_a_long_one_learns_as_if_alone() -> None:
    x, lengths = currents(9, 2, 40), torch.tensor([4, 9])
    slices, ours = Slices.of(x, lengths), Plif()
    packed = slices.pack(x).requires_grad_()
    spikes = ours(packed, slices)
    spikes.sum().backward()
    alone, single = x[:4, :1].flatten(0, 1).requires_grad_(), Plif()
    lone = single(alone, Slices.of(x[:4, :1]))
    lone.sum().backward()
    assert slices.count == len(packed) == 13
    assert torch.equal(slices.unpack(spikes)[:4, 0], lone)
    assert torch.equal(slices.unpack(packed.grad)[:4, 0], alone.grad)
    assert not slices.unpack(spikes)[4:, 0].any()


def test_threads_change_no_bit() -> None:
    y, slices = currents(8 * 4, 32, 64, 64), Slices.of(torch.zeros(8, 4))
    found = []
    before = torch.get_num_threads()
    for threads in (1, 3):
        torch.set_num_threads(threads)
        ours, norm, packed = Plif(), nn.BatchNorm2d(32), y.clone().requires_grad_()
        spikes = ours.normalised(packed, norm, slices, 2)
        spikes.square().sum().backward()
        found.append((spikes.detach(), packed.grad, ours.w.grad, norm.weight.grad, norm.running_var))
    torch.set_num_threads(before)
    assert all(torch.equal(one, three) for one, three in zip(*found, strict=True))


def test_membranes_are_carried_on_and_forgotten() -> None:
    x = currents(6, 2, 30)
    ours, slices = Plif(), Slices.of(x[:1])
    with torch.inference_mode():
        steps = torch.stack([ours(frame, slices, keep=True) for frame in x])
        oracle = stock(False)
        assert torch.equal(steps, oracle(x))
        functional.reset_net(oracle)
        ours.reset()
        assert torch.equal(ours(x[0], slices, keep=True), steps[0])


def test_padding_that_keeps_its_rows_changes_nothing_for_the_clips() -> None:
    y, lengths = currents(6, 3, 4, 8, 8), torch.tensor([6, 2, 5])
    found = []
    for padded, double in ((False, False), (True, False), (True, True)):
        slices = Slices.of(y, lengths, padded=padded)
        frames = slices.unpack(slices.pack(y)) * (torch.arange(6)[:, None] < lengths)[..., None, None, None]
        packed = slices.pack(frames.double() if double else frames).requires_grad_()
        ours, norm = Plif(), nn.BatchNorm2d(4)
        if double:
            norm = norm.double()
        spikes = ours.normalised(packed, norm, slices, 2)
        spikes.sum().backward()
        mask = (torch.arange(6)[:, None] < lengths)[..., None, None, None]
        found.append(
            (slices.unpack(spikes) * mask, slices.unpack(packed.grad) * mask, norm.running_var, ours.w.grad)
        )
    assert torch.equal(found[0][0], found[1][0])
    for others in found[1:]:
        assert torch.equal(others[0].float(), found[0][0])
        assert [close(other.float(), one) for one, other in zip(found[0], others, strict=True)] == [True] * 4


def test_what_the_kernels_do_not_cover_is_computed_by_spikingjelly() -> None:
    x = currents(6, 2, 30)
    slices = Slices.of(x, torch.tensor([6, 3]))
    exact = Plif()(slices.pack(x), slices)
    double = Plif()(slices.pack(x.double()), slices)
    assert double.dtype == torch.float64
    assert torch.equal(double.float(), exact)


@pytest.mark.skipif(find_spec("triton") is None, reason="no Triton beside this torch")
def test_the_kernels_for_a_gpu_agree_with_the_compiled_ones_in_tritons_interpreter() -> None:
    script = Path(__file__).with_name("triton_against_compiled.py")
    environment = {**os.environ, "TRITON_INTERPRET": "1"}
    done = subprocess.run([sys.executable, str(script)], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
