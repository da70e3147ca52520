"""The cVAE and the recurrent U-Net: sizes, what they look at, what they remember, what they minimise."""

from __future__ import annotations

import pytest
import torch
from pydantic import ValidationError

from evface.errors import GeometryError
from evface.models.cvae import CVAE_PRESETS, PAPER_CVAE_PARAMETERS, Cvae, CvaeConfig
from evface.models.unet import RecurrentUnet, UnetConfig
from evface.training.image_loss import ImageLoss

TINY = CvaeConfig(size=16, maps=(4, 6), hidden=12, latent=3)
TINY_UNET = UnetConfig(size=16, maps=4, levels=2)


def counts_and_pictures(slices: int, size: int = 16) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(2)
    counts = torch.poisson(torch.full((slices, 2, size, size), 0.3), generator=generator)
    return counts, torch.rand((slices, 1, size, size), generator=generator)


def test_the_papers_cvae_has_the_papers_number_of_parameters() -> None:
    with torch.device("meta"):  # 1.2 GB would be allocated otherwise
        model = Cvae(CVAE_PRESETS["paper"])
    assert model.parameter_count() == PAPER_CVAE_PARAMETERS == 302_689_345
    assert round(PAPER_CVAE_PARAMETERS / 2**20) == 289
    small = Cvae(CVAE_PRESETS["small"])
    assert small.parameter_count() == 6_334_657
    assert RecurrentUnet(UnetConfig()).parameter_count() == 1_356_593


def test_only_the_posterior_sees_the_picture_and_only_samples_are_drawn() -> None:
    torch.manual_seed(0)
    model = Cvae(TINY).eval()
    counts, pictures = counts_and_pictures(5)

    def by(picture: torch.Tensor, seed: int) -> dict[str, torch.Tensor]:
        return model.reconstruct(counts, picture, 4, torch.Generator().manual_seed(seed))

    first, other_picture, other_draw = by(pictures, 1), by(1 - pictures, 1), by(pictures, 9)
    assert {name: tuple(found.shape) for name, found in first.items()} == {
        "posterior": (1, 5, 16, 16), "prior": (1, 5, 16, 16), "sample": (4, 5, 16, 16),
    }  # fmt: skip
    changed = {name: not torch.equal(first[name], other_picture[name]) for name in first}
    assert changed == {"posterior": True, "prior": False, "sample": False}
    changed = {name: not torch.equal(first[name], other_draw[name]) for name in first}
    assert changed == {"posterior": False, "prior": False, "sample": True}
    assert torch.equal(model.step(counts), first["prior"][0])
    blind = model.reconstruct(torch.zeros_like(counts), pictures, 1, torch.Generator())
    assert not torch.equal(blind["prior"], first["prior"])


def test_the_cvaes_loss_is_squared_error_and_divergence() -> None:
    torch.manual_seed(0)
    model = Cvae(TINY.model_copy(update={"kl_weight": 2.0}))
    counts, pictures = counts_and_pictures(6)
    with torch.no_grad():
        for head in (model.mu, model.log_variance):
            head.weight.zero_()
        model.mu.bias.fill_(0.5)
        model.log_variance.bias.fill_(-60.0)  # z is mu then
        loss, parts = model.loss(counts.unsqueeze(0), pictures.unsqueeze(0))
        found = model.decode(torch.full((6, 3), 0.5), counts)
    squared = (found - pictures).square().sum((1, 2, 3)).mean()
    divergence = 3 * 0.5 * (0.25 + 60.0 - 1.0)
    assert float(parts["kl"]) == pytest.approx(divergence)
    assert float(loss) == pytest.approx(float(squared) + 2 * divergence, rel=1e-5)


def test_a_stream_gives_the_u_nets_pictures_of_the_whole_clip() -> None:
    torch.manual_seed(0)
    model = RecurrentUnet(TINY_UNET).eval()
    counts, pictures = counts_and_pictures(6)
    whole = model.reconstruct(counts, pictures, 1, torch.Generator())["unet"][0]
    for _ in range(2):
        model.reset()
        stream = torch.cat([model.step(frame.unsqueeze(0)) for frame in counts])
        torch.testing.assert_close(stream, whole)
    with pytest.raises(GeometryError, match="2 streams after 1"):
        model.step(counts[:2])
    # What was seen five slices ago is still seen.
    changed = counts.clone()
    changed[0] = 0
    assert not torch.equal(model.reconstruct(changed, pictures, 1, torch.Generator())["unet"][0, 5], whole[5])


def test_the_image_loss_has_its_parts_and_leads_to_the_picture() -> None:
    loss = ImageLoss(ssim_weight=0.5, perceptual_weight=0.1)
    _, pictures = counts_and_pictures(2, 48)
    pictures = torch.nn.functional.avg_pool2d(pictures, 5, 1, 2).unsqueeze(0)
    found = torch.full_like(pictures, 0.5).requires_grad_()
    start, parts = loss(found, pictures)
    assert set(parts) == {"mae", "ssim", "perceptual"}
    expected = parts["mae"] + 0.5 * (1 - parts["ssim"]) + 0.1 * parts["perceptual"]
    assert float(start.detach()) == pytest.approx(float(expected))
    optimizer = torch.optim.Adam([found], lr=0.02)
    for _ in range(20):
        optimizer.zero_grad()
        now, parts = loss(found, pictures)
        now.backward()
        optimizer.step()
    assert float(now.detach()) < 0.7 * float(start.detach())
    same, _ = loss(pictures, pictures)
    assert float(same) == pytest.approx(0.0, abs=1e-5)


def test_a_picture_that_cannot_be_halved_is_refused() -> None:
    with pytest.raises(ValidationError, match="cannot be halved 3 times"):
        UnetConfig(size=20, levels=3)
