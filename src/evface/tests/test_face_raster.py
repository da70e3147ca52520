"""Triangles into pictures: what a texture shows, where a surface ends, what one sees through."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from evface.simulation.face.mesh import SOLID, UNSEEN, VEIL, Mesh, grid_part, join
from evface.simulation.face.raster import Rasterizer

HEIGHT, WIDTH = 60, 80
ROWS, COLUMNS = 5, 6
TEXELS = (41, 51)
Light = NDArray[np.float32]


def plane(opacity: Light | float = 1.0, channels: int = 1) -> tuple[Mesh, Light]:
    """A grid whose texture grows evenly to the right and down; the texture."""
    v, u = np.meshgrid(np.arange(TEXELS[0]), np.arange(TEXELS[1]), indexing="ij")
    grey = (0.1 + 0.004 * u + 0.006 * v)[..., None]
    clear = np.broadcast_to(opacity, TEXELS)[..., None]
    texture = np.concatenate([np.repeat(grey, 3, -1), clear], -1).astype(np.float32)
    y, x = np.meshgrid(np.linspace(1.0, 0.0, ROWS), np.linspace(0.0, 1.0, COLUMNS), indexing="ij")
    mesh = join([grid_part(np.stack([x, y, 0 * x], -1), texture)])
    return mesh, np.ascontiguousarray(mesh.texture[..., :channels])


def placed(mesh: Mesh, across: tuple[float, float], down: tuple[float, float]) -> Light:
    """Columns, rows, nearness and light of a parallelogram from (12.3, 9.1) on; light grows along it."""
    right, below = mesh.points[:, 0], 1.0 - mesh.points[:, 1]
    x, y = 12.3 + across[0] * right + down[0] * below, 9.1 + across[1] * right + down[1] * below
    return np.stack([x, y, np.ones_like(x), 1.0 + 0.5 * right]).astype(np.float32)


def drawn(mesh: Mesh, texture: Light, points: Light, under: float = 0.5, threads: int = 1) -> Light:
    image = np.full((HEIGHT, WIDTH, texture.shape[2]), under, np.float32)
    opacity = np.ascontiguousarray(mesh.texture[..., 3])
    x, y, nearness, light = points
    Rasterizer(mesh, threads).draw(x, y, nearness, light, texture, opacity, image)
    return image


def shares(across: tuple[float, float], down: tuple[float, float]) -> Light:
    """Of each pixel how far along the parallelogram's two sides it lies, ``[2, H, W]``."""
    y, x = np.meshgrid(np.arange(HEIGHT) - 9.1, np.arange(WIDTH) - 12.3, indexing="ij")
    return np.asarray(np.tensordot(np.linalg.inv(np.array([across, down]).T), np.stack([x, y]), 1))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    ("across", "down"), [((50.0, 0.0), (0.0, 40.0)), ((47.2, 9.7), (-6.4, 33.1)), ((61.3, -4.2), (0.7, 3.3))]
)
def test_every_pixel_of_a_plane_shows_its_place(
    across: tuple[float, float], down: tuple[float, float], channels: int
) -> None:
    mesh, texture = plane(channels=channels)
    image = drawn(mesh, texture, placed(mesh, across, down))
    right, below = shares(across, down)
    inside = (np.abs(right - 0.5) < 0.5) & (np.abs(below - 0.5) < 0.5)
    wanted = (1.0 + 0.5 * right) * (0.1 + 0.004 * right * (TEXELS[1] - 1) + 0.006 * below * (TEXELS[0] - 1))
    assert inside.sum() > 0.9 * abs(np.linalg.det(np.array([across, down])))
    for channel in range(channels):
        assert image[inside, channel] == pytest.approx(wanted[inside], abs=2e-4)


def test_beyond_its_outline_a_surface_fades_with_the_distance() -> None:
    mesh, texture = plane()
    image = drawn(mesh, texture, placed(mesh, (40.0, 0.0), (0.0, 30.0)), under=0.0)[..., 0]
    # The right edge lies at 52.3: of column 53 it is 0.7 away. The lower one lies at 39.1.
    # Rows away from the triangles' corners, over which the ends of two edges fade.
    middle = np.array([12, 13, 14, 19, 20, 21, 22, 27, 28, 29, 34, 35, 36])
    at_edge = 1.5 * (0.1 + 0.004 * 50 + 0.006 * 40 * (middle - 9.1) / 30.0)
    assert image[middle, 53] == pytest.approx(0.3 * at_edge, abs=1e-4)
    assert image[40, 30] == pytest.approx(
        0.1 * (1.0 + 0.5 * 17.7 / 40) * (0.1 + 0.2 * 17.7 / 40 + 0.24), abs=1e-4
    )
    assert (image[:, 54:] == 0.0).all()
    assert (image[:, :12] == 0.0).all()
    assert (image[41:] == 0.0).all()


def test_what_is_known_to_be_solid_or_clear_looks_as_if_it_were_looked_up() -> None:
    opacity = np.clip((np.arange(TEXELS[1]) - 15.0) / 12.0, 0.0, 1.0)[None, :]
    mesh, texture = plane(np.repeat(opacity, TEXELS[0], 0).astype(np.float32))
    assert set(mesh.sight.tolist()) == {SOLID, VEIL, UNSEEN}
    points = placed(mesh, (47.2, 9.7), (-6.4, 33.1))
    looked_up = replace(mesh, sight=np.full_like(mesh.sight, VEIL))
    assert drawn(mesh, texture, points) == pytest.approx(drawn(looked_up, texture, points), abs=1e-6)


def test_threads_share_a_picture_and_do_not_change_it() -> None:
    mesh, texture = plane()
    points = placed(mesh, (47.2, 9.7), (-6.4, 33.1))
    alone = drawn(mesh, texture, points)
    for threads in (2, 3):
        assert np.array_equal(drawn(mesh, texture, points, threads=threads), alone)


def test_what_lies_beyond_the_picture_is_left_out() -> None:
    mesh, texture = plane()
    points = placed(mesh, (90.0, 12.0), (-30.0, 80.0))
    whole = np.zeros((HEIGHT + 60, WIDTH + 80, 1), np.float32)
    x, y, nearness, light = points + np.array([40, 30, 0, 0], np.float32)[:, None]
    opacity = np.ascontiguousarray(mesh.texture[..., 3])
    Rasterizer(mesh).draw(x, y, nearness, light, texture, opacity, whole)
    seen = drawn(mesh, texture, points, under=0.0)
    assert seen == pytest.approx(whole[30 : 30 + HEIGHT, 40 : 40 + WIDTH], abs=2e-4)
