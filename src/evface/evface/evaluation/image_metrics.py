"""How near pictures are to those that were to be seen: MSE, RMSE, MAE, PSNR, SSIM, NCC, one each per picture.

Pictures are in [0, 1], so the data range is 1. A table's figure is the mean over pictures of these numbers:
the mean PSNR is not the PSNR of the mean error.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor

from evface.errors import GeometryError

METRICS: Final = ("mse", "rmse", "mae", "psnr", "ssim", "ncc")
"""In the order of the paper's Table 6."""

WINDOW: Final = 11
"""px, side of SSIM's Gaussian window, after Wang et al. (2004)."""

SIGMA: Final = 1.5
"""px, of that window."""

_C1: Final = 0.01**2
_C2: Final = 0.03**2
_LEAST_MSE: Final = 1e-10
"""A picture hit exactly has a PSNR of 100 dB, not infinity, so that there is a mean."""


def image_metrics(found: Tensor, target: Tensor) -> dict[str, Tensor]:
    """Compare pictures one by one.

    Args:
        found: float ``[N, H, W]`` in [0, 1].
        target: what was to be seen, likewise.

    Returns:
        By the names in `METRICS`, float64 ``[N]`` each; ``psnr`` in dB, ``ncc`` zero-mean (Pearson's), 0 for
        a picture without contrast.

    Raises:
        GeometryError: the two differ in shape, or the pictures are smaller than SSIM's window.
    """
    if found.shape != target.shape or found.ndim != 3 or min(found.shape[1:]) < WINDOW:
        raise GeometryError(
            f"pictures {list(found.shape)} and {list(target.shape)}: expected two alike, [N, H, W] of at "
            f"least {WINDOW} px"
        )
    found, target = found.to(torch.float64), target.to(torch.float64)
    difference = (found - target).flatten(1)
    mse = difference.square().mean(1)
    return {
        "mse": mse,
        "rmse": mse.sqrt(),
        "mae": difference.abs().mean(1),
        "psnr": -10.0 * torch.log10(mse.clamp_min(_LEAST_MSE)),
        "ssim": ssim(found, target),
        "ncc": _correlation(found.flatten(1), target.flatten(1)),
    }


def ssim(found: Tensor, target: Tensor) -> Tensor:
    """Structural similarity after Wang et al. (2004): Gaussian window 11x11, sigma 1.5, data range 1.

    Windows lie wholly inside the picture. Differentiable.

    Args:
        found: float ``[N, H, W]``.
        target: likewise.

    Returns:
        Mean over each picture, ``[N]``, at most 1.
    """
    mean_found, mean_target = _blur(found), _blur(target)
    variance_found = _blur(found * found) - mean_found.square()
    variance_target = _blur(target * target) - mean_target.square()
    covariance = _blur(found * target) - mean_found * mean_target
    light = (2 * mean_found * mean_target + _C1) / (mean_found.square() + mean_target.square() + _C1)
    structure = (2 * covariance + _C2) / (variance_found + variance_target + _C2)
    return (light * structure).mean((1, 2))


def _blur(pictures: Tensor) -> Tensor:
    window = _window(pictures.dtype, pictures.device)
    rows = torch.nn.functional.conv2d(pictures.unsqueeze(1), window.view(1, 1, -1, 1))
    return torch.nn.functional.conv2d(rows, window.view(1, 1, 1, -1)).squeeze(1)


def _window(dtype: torch.dtype, device: torch.device) -> Tensor:
    away = torch.arange(WINDOW, dtype=dtype, device=device) - WINDOW // 2
    weight = torch.exp(-0.5 * (away / SIGMA).square())
    return weight / weight.sum()


def _correlation(found: Tensor, target: Tensor) -> Tensor:
    found, target = found - found.mean(1, keepdim=True), target - target.mean(1, keepdim=True)
    scale = found.norm(dim=1) * target.norm(dim=1)
    return (found * target).sum(1) / scale.clamp_min(1e-12)
