"""A calibration as a picture and as lines: where corners were seen, how well they fit, what came out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from evface.calibration.coverage import CELLS, covered
from evface.calibration.solving import CameraFit
from evface.calibration.views import View

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ARROWS = 40.0
"""Times that residuals are drawn larger."""

INK, MUTED, HAIR, EMPTY = "#1f2933", "#64748b", "#cbd5e1", "#f1d9d5"
COLOURS = ("#2563eb", "#d97706", "#0f766e", "#7c3aed")


def lines_of(fits: dict[str, CameraFit]) -> list[str]:
    """What was found, with its uncertainty (one standard deviation), some lines for each camera."""
    reference = next(iter(fits))
    return [line for camera, fit in fits.items() for line in _lines(camera, fit, reference)]


def _lines(camera: str, fit: CameraFit, reference: str) -> list[str]:
    lens, s = fit.lens, fit.lens_sigma
    out = f", {len(fit.left_out)} left out" if fit.left_out else ""
    names = zip(("k1", "k2", "p1", "p2"), lens.distortion, s[4:], strict=False)
    lines = [
        f"{camera}: {len(fit.view_rms)} views{out}, corners fit to {fit.rms:.2f} px rms",
        f"  focal {lens.focal[0]:.1f} ± {s[0]:.1f}, {lens.focal[1]:.1f} ± {s[1]:.1f} px; "
        f"centre {lens.centre[0]:.1f} ± {s[2]:.1f}, {lens.centre[1]:.1f} ± {s[3]:.1f} px",
        "  " + ", ".join(f"{name} {value:.4f} ± {sigma:.4f}" for name, value, sigma in names),
    ]
    if camera != reference:
        x, y, z = fit.pose.inverse().shift
        sigma = fit.pose_sigma
        lines.append(
            f"  from {reference}: {x:.1f}, {y:.1f}, {z:.1f} mm "
            f"(± {sigma[3]:.1f}, {sigma[4]:.1f}, {sigma[5]:.1f}), "
            f"turned by {fit.pose.degrees:.2f}° (± {np.linalg.norm(sigma[:3]):.2f})"
        )
    return lines


def draw(fits: dict[str, CameraFit], views: Sequence[View], path: Path) -> None:
    """Draw it; a file that is there is replaced.

    Args:
        fits: of the cameras.
        views: they come from.
        path: a .png file.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.6 * len(fits), 8.0), dpi=110, facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(3, len(fits), squeeze=False, height_ratios=(4.2, 1.6, 1.0))
    for column, (camera, fit) in enumerate(fits.items()):
        _draw_places(axes[0][column], camera, fit, views)
        _draw_errors(axes[1][column], fit, COLOURS[column % len(COLOURS)])
        axes[2][column].set_axis_off()
        text = "\n".join(_lines(camera, fit, next(iter(fits))))
        axes[2][column].text(0.0, 1.0, text, va="top", fontsize=8, color=INK, linespacing=1.5)
    partial = path.with_name(f".{path.name}.partial")
    figure.savefig(partial, format="png")
    partial.replace(path)


def _draw_places(ax: Axes, camera: str, fit: CameraFit, views: Sequence[View]) -> None:
    width, height = fit.lens.width, fit.lens.height
    columns, rows = CELLS
    cells = covered(views, camera, (width, height))
    for row, column in np.argwhere(~cells):
        corner = (column * width / columns, row * height / rows)
        ax.axvspan(
            corner[0], corner[0] + width / columns, 1 - (row + 1) / rows, 1 - row / rows, color=EMPTY, lw=0
        )
    for index, residuals in fit.residuals.items():
        at = views[index].corners[camera]
        colour = COLOURS[index % len(COLOURS)]
        ax.plot(at[:, 0], at[:, 1], ".", ms=2.2, color=colour, alpha=0.8)
        ends = at + ARROWS * residuals
        ax.plot(
            np.stack([at[:, 0], ends[:, 0]]),
            np.stack([at[:, 1], ends[:, 1]]),
            "-",
            lw=0.6,
            color=colour,
            alpha=0.6,
        )
    ax.plot(*fit.lens.centre, "+", ms=12, mew=1.6, color=INK)
    ax.set(xlim=(0, width), ylim=(height, 0), aspect="equal")
    ax.set_xticks([k * width / columns for k in range(columns + 1)])
    ax.set_yticks([k * height / rows for k in range(rows + 1)])
    ax.grid(color=HAIR, lw=0.6)
    ax.set_axisbelow(True)
    ax.tick_params(labelsize=7, colors=MUTED, length=0)
    ax.set_title(f"{camera}  {width}x{height}", fontsize=11, color=INK, loc="left")
    ax.set_xlabel(
        f"corners found; strokes: residuals x {ARROWS:.0f}; +: principal point; red: not covered",
        fontsize=7, color=MUTED,
    )  # fmt: skip
    for side in ax.spines.values():
        side.set_color(MUTED)


def _draw_errors(ax: Axes, fit: CameraFit, colour: str) -> None:
    errors = sorted(fit.view_rms.items())
    ax.bar([str(index + 1) for index, _ in errors], [error for _, error in errors], color=colour, width=0.7)
    ax.axhline(fit.rms, color=INK, lw=1.0, ls="--")
    ax.text(
        0.99,
        0.95,
        f"all: {fit.rms:.2f} px",
        transform=ax.transAxes,
        ha="right",
        va="top",
        fontsize=9,
        color=INK,
    )
    ax.set_ylim(0, 1.35 * max(error for _, error in errors))
    ax.set_ylabel("rms, px", fontsize=8, color=MUTED)
    ax.set_xlabel("view", fontsize=8, color=MUTED)
    ax.tick_params(labelsize=6 if len(errors) > 15 else 7, colors=MUTED, length=0)
    for name in ("top", "right"):
        ax.spines[name].set_visible(False)
    for name in ("left", "bottom"):
        ax.spines[name].set_color(HAIR)
