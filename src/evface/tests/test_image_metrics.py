"""Image metrics against the libraries that others report with."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage.metrics import mean_squared_error, peak_signal_noise_ratio, structural_similarity

from evface.errors import GeometryError
from evface.evaluation.image_metrics import METRICS, image_metrics, ssim


def pictures(count: int = 3, height: int = 40, width: int = 33) -> tuple[np.ndarray, np.ndarray]:
    """Smooth pictures and noisy ones of them, in [0, 1]."""
    random = np.random.default_rng(5)
    y, x = np.mgrid[:height, :width] / 10.0
    target = np.stack([0.5 + 0.4 * np.sin(y + n) * np.cos(x) for n in range(count)])
    return np.clip(target + random.normal(0, 0.1, target.shape), 0, 1), target


def test_metrics_are_those_of_scikit_image_and_numpy_per_picture() -> None:
    found, target = pictures()
    result = image_metrics(torch.from_numpy(found), torch.from_numpy(target))
    assert tuple(result) == METRICS
    for n, (one, other) in enumerate(zip(found, target, strict=True)):
        mse = mean_squared_error(other, one)
        expected = {
            "mse": mse,
            "rmse": np.sqrt(mse),
            "mae": np.abs(one - other).mean(),
            "psnr": peak_signal_noise_ratio(other, one, data_range=1.0),
            "ssim": structural_similarity(
                other, one, data_range=1.0, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
            ),
            "ncc": np.corrcoef(one.ravel(), other.ravel())[0, 1],
        }
        assert {name: float(values[n]) for name, values in result.items()} == pytest.approx(expected)


def test_the_same_picture_is_perfect_and_one_without_contrast_correlates_with_nothing() -> None:
    _, target = pictures(1)
    same = image_metrics(torch.from_numpy(target), torch.from_numpy(target))
    assert {name: float(value[0]) for name, value in same.items()} == pytest.approx(
        {"mse": 0, "rmse": 0, "mae": 0, "psnr": 100, "ssim": 1, "ncc": 1}
    )
    grey = image_metrics(torch.full_like(torch.from_numpy(target), 0.5), torch.from_numpy(target))
    assert float(grey["ncc"][0]) == 0.0


def test_ssim_can_be_climbed() -> None:
    found, target = (torch.from_numpy(one).to(torch.float32) for one in pictures(1))
    found = found.clone().requires_grad_()
    before = ssim(found, target).sum()
    before.backward()
    climbed = (found + 5.0 * found.grad).detach()
    assert float(ssim(climbed, target).sum()) > float(before.detach())


def test_pictures_that_do_not_fit_are_refused() -> None:
    with pytest.raises(GeometryError, match="expected two alike"):
        image_metrics(torch.zeros(1, 20, 20), torch.zeros(1, 20, 21))
    with pytest.raises(GeometryError, match="at least 11 px"):
        image_metrics(torch.zeros(1, 8, 8), torch.zeros(1, 8, 8))
