"""The paper's conditional variational autoencoder (§4.4, Figure 4): a picture of a face from an event frame.

picture x, event frame c -> [Conv2d 3x3 stride 2 -> ReLU] x 2 -> FC -> ReLU -> mu, log sigma²       encoder
z = mu + sigma * epsilon                                                                            Eq. 5
z, flattened c -> [FC -> ReLU] x 2 -> [ConvTranspose2d 3x3 stride 2] x 2, ReLU between -> sigmoid   decoder

The paper says "289M" parameters and leaves the sizes open. What fits, counted in 2^20 as its 4.11M are, is a
picture of 256x256 with 64 and 128 maps and FC layers of 256: 302,689,345 = 288.7 * 2^20.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from evface.errors import GeometryError

PAPER_CVAE_PARAMETERS: Final = 302_689_345
"""Learnable numbers of the preset ``paper``."""


class CvaeConfig(BaseModel):
    """What the network is made of; the defaults are the paper's, or what its parameter count says."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    family: Literal["cvae"] = Field(default="cvae", description="kind of network")
    preset: Literal["paper", "small"] = Field(default="paper", description="what the other fields start from")
    size: int = Field(
        default=256,
        ge=8,
        le=1024,
        multiple_of=4,
        description="width and height of picture and event frame, px",
    )
    maps: tuple[int, int] = Field(default=(64, 128), description="feature maps of the two convolutions")
    hidden: int = Field(default=256, ge=1, le=16384, description="neurons of the FC layers between")
    latent: int = Field(default=32, ge=1, le=4096, description="dimensions of z")
    counts: Literal["raw", "log"] = Field(
        default="raw", description="how events are seen: their number per pixel (Eq. 1), or log(1 + number)"
    )
    kl_weight: float = Field(
        default=1.0, ge=0.0, le=1e6, description="of the KL term beside the squared error summed over pixels"
    )


CVAE_PRESETS: Final[dict[str, CvaeConfig]] = {
    "paper": CvaeConfig(),
    "small": CvaeConfig(preset="small", size=64, maps=(16, 32), counts="log"),
}
"""``paper`` needs a GPU; ``small`` has 6.3 million parameters and suits a CPU."""


class Cvae(nn.Module):
    """Conditional variational autoencoder from event frames to grey pictures.

    Args:
        config: what it is made of.

    Raises:
        GeometryError: the paper's preset has not the paper's number of parameters.
    """

    def __init__(self, config: CvaeConfig) -> None:
        super().__init__()
        self.config = config
        first, second = config.maps
        side = config.size // 4
        self.encode_maps = nn.Sequential(
            nn.Conv2d(3, first, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(first, second, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(second * side * side, config.hidden),
            nn.ReLU(),
        )
        self.mu = nn.Linear(config.hidden, config.latent)
        self.log_variance = nn.Linear(config.hidden, config.latent)
        self.decode_maps = nn.Sequential(
            nn.Linear(config.latent + 2 * config.size**2, config.hidden),
            nn.ReLU(),
            nn.Linear(config.hidden, second * side * side),
            nn.ReLU(),
            nn.Unflatten(1, (second, side, side)),
            nn.ConvTranspose2d(second, first, 3, stride=2, padding=1, output_padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(first, 1, 3, stride=2, padding=1, output_padding=1),
            nn.Sigmoid(),
        )
        if config == CVAE_PRESETS["paper"] and self.parameter_count() != PAPER_CVAE_PARAMETERS:
            found = self.parameter_count()
            raise GeometryError(f"the paper's cVAE has {PAPER_CVAE_PARAMETERS} parameters, this {found}")

    def parameter_count(self) -> int:
        """How many numbers are learnt."""
        return sum(parameter.numel() for parameter in self.parameters())

    def encode(self, picture: Tensor, counts: Tensor) -> tuple[Tensor, Tensor]:
        """Where in the latent space a picture lies, given its events (Eq. 4).

        Args:
            picture: float32 ``[B, 1, size, size]`` in [0, 1].
            counts: events per pixel (off, on), float32 ``[B, 2, size, size]``.

        Returns:
            mu and log sigma², ``[B, latent]`` each.
        """
        features = self.encode_maps(torch.cat([picture, self._condition(counts)], 1))
        return self.mu(features), self.log_variance(features)

    def decode(self, z: Tensor, counts: Tensor) -> Tensor:
        """The picture of a point in the latent space, given the events (Eq. 6).

        Args:
            z: ``[B, latent]``.
            counts: events per pixel (off, on), float32 ``[B, 2, size, size]``.

        Returns:
            float32 ``[B, 1, size, size]`` in [0, 1].
        """
        return self.decode_maps(torch.cat([z, self._condition(counts).flatten(1)], 1))

    def loss(self, counts: Tensor, pictures: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Negative evidence lower bound (Eq. 7), of one draw of z per picture.

        Args:
            counts: events per pixel (off, on), float32 ``[T, B, 2, size, size]``; T is 1 for this network.
            pictures: float32 ``[T, B, 1, size, size]`` in [0, 1].

        Returns:
            Squared error summed over pixels plus weighted KL divergence, mean over pictures; and what it
            is made of: ``mse`` per pixel, ``kl`` in nats.
        """
        counts, pictures = counts.flatten(0, 1), pictures.flatten(0, 1)
        mu, log_variance = self.encode(pictures, counts)
        z = mu + torch.exp(0.5 * log_variance) * torch.randn_like(mu)
        mse = nn.functional.mse_loss(self.decode(z, counts), pictures)
        kl = 0.5 * (mu.square() + log_variance.exp() - 1.0 - log_variance).sum(1).mean()
        loss = mse * self.config.size**2 + self.config.kl_weight * kl
        return loss, {"mse": mse.detach(), "kl": kl.detach()}

    @torch.inference_mode()
    def reconstruct(
        self, counts: Tensor, pictures: Tensor, samples: int, generator: torch.Generator
    ) -> dict[str, Tensor]:
        """Pictures of event frames by each way of choosing z.

        Args:
            counts: float32 ``[T, 2, size, size]``.
            pictures: what was really to be seen, float32 ``[T, 1, size, size]``; only ``posterior`` looks.
            samples: how many to draw from the prior.
            generator: of the draws, on the CPU.

        Returns:
            ``posterior`` (z = mu of the true picture: an oracle), ``prior`` (z = 0), each
            ``[1, T, size, size]``, and ``sample`` (z from the prior) ``[samples, T, size, size]``.
        """
        drawn = torch.randn((samples, len(counts), self.config.latent), generator=generator).to(counts.device)
        mu = torch.cat([self.encode(*part)[0] for part in _parts(pictures, counts)])
        points = {"posterior": mu.unsqueeze(0), "prior": torch.zeros_like(mu).unsqueeze(0), "sample": drawn}
        return {
            method: torch.stack([self._decode_all(z, counts) for z in several])
            for method, several in points.items()
        }

    @torch.inference_mode()
    def step(self, counts: Tensor) -> Tensor:
        """The picture of the next event frame of a stream, z = 0; this network remembers nothing.

        Args:
            counts: float32 ``[B, 2, size, size]``.

        Returns:
            float32 ``[B, size, size]`` in [0, 1].
        """
        return self.decode(counts.new_zeros(len(counts), self.config.latent), counts).squeeze(1)

    def reset(self) -> None:
        """Nothing to forget."""

    def _decode_all(self, z: Tensor, counts: Tensor) -> Tensor:
        return torch.cat([self.decode(*part).squeeze(1) for part in _parts(z, counts)])

    def _condition(self, counts: Tensor) -> Tensor:
        return torch.log1p(counts) if self.config.counts == "log" else counts


def _parts(first: Tensor, second: Tensor, size: int = 32) -> Iterator[tuple[Tensor, Tensor]]:
    """Two tensors side by side, a few rows at a time: the paper's preset has large maps."""
    return zip(first.split(size), second.split(size), strict=True)


def cvae_fields(value: Any) -> Any:
    """The fields of a cVAE's configuration, filled up from the preset that they name."""
    preset = CVAE_PRESETS.get(value.get("preset", "paper")) if isinstance(value, dict) else None
    return {**preset.model_dump(), **value} if preset else value
