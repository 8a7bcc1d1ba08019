"""Pictures that look like what they are called: drawn from ellipses and arithmetic, the same on every machine.

Knows nothing of DICOM: arrays go out. No trigonometry and no library's random numbers, whose last digits
differ between platforms and versions.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Plane = npt.NDArray[np.float64]
Grey = npt.NDArray[np.uint8]


def _grid(rows: int, columns: int) -> tuple[Plane, Plane]:
    """Coordinates of the pixels' centres: x to the right, y down, 1 at the shorter half side."""
    scale = min(rows, columns) / 2
    y, x = np.mgrid[0:rows, 0:columns]
    return (x - (columns - 1) / 2) / scale, (y - (rows - 1) / 2) / scale


def _disc(x: Plane, y: Plane, at: tuple[float, float], radii: tuple[float, float], soft: float = 0.06) -> Plane:
    """An ellipse: 1 inside, 0 outside, with a soft rim."""
    r = np.sqrt(((x - at[0]) / radii[0]) ** 2 + ((y - at[1]) / radii[1]) ** 2)
    return np.clip((1 - r) / soft + 0.5, 0, 1)


def _paint(picture: Plane, shape: Plane, value: float) -> None:
    picture += shape * (value - picture)


def _noise(rows: int, columns: int, seed: int) -> Plane:
    """Grain between -1 and 1 that is the same on every machine: a hash of each pixel's position."""
    y, x = np.mgrid[0:rows, 0:columns].astype(np.uint64)
    value = (x * 374761393 + y * 668265263 + np.uint64(seed) * 2246822519) & 0xFFFFFFFF
    value = ((value ^ (value >> np.uint64(13))) * 1274126177) & 0xFFFFFFFF
    value = ((value ^ (value >> np.uint64(16))) * 2654435761) & 0xFFFFFFFF
    grain: Plane = (value >> np.uint64(16)).astype(np.float64) / 32767.5 - 1
    return grain


def chest(z: float, size: int = 128) -> Plane:
    """An axial chest in Hounsfield units; z from -1 (top) to 1 (bottom)."""
    x, y = _grid(size, size)
    picture = np.full((size, size), -1000.0)
    _paint(picture, _disc(x, y, (0, 0.93), (0.8, 0.05), 0.3), 60)
    _paint(picture, _disc(x, y, (0, 0), (0.9, 0.66), 0.03), -90)
    inner = _disc(x, y, (0, 0), (0.84, 0.6), 0.04)
    _paint(picture, inner, 45)
    lung = 0.8 + 0.2 * (1 - z * z)
    for side in (-1, 1):
        _paint(picture, _disc(x, y, (0.43 * side, -0.02), (0.33 * lung, 0.46 * lung)), -840)
        for vessel in range(5):
            at = (side * (0.27 + 0.085 * vessel), -0.2 + 0.11 * vessel + 0.08 * z * side)
            _paint(picture, _disc(x, y, at, (0.035, 0.03), 0.5), 30)
        for rib in range(4):
            at = (side * (0.42 + 0.1 * rib), -0.52 + 0.26 * rib + 0.05 * z)
            _paint(picture, _disc(x, y, at, (0.07, 0.035), 0.3) * inner, 650)
    _paint(picture, _disc(x, y, (0.1, -0.12), (0.18 + 0.13 * (z + 1) / 2, 0.2 + 0.1 * (z + 1) / 2)), 55)
    _paint(picture, _disc(x, y, (0.11, 0.2), (0.075, 0.075)), 180)
    _paint(picture, _disc(x, y, (0, 0.02 - 0.05 * z), (0.05, 0.045)), -950)
    _paint(picture, _disc(x, y, (0, 0.38), (0.15, 0.12)), 520)
    _paint(picture, _disc(x, y, (0, 0.47), (0.055, 0.05)), 20)
    _paint(picture, _disc(x, y, (0, -0.53), (0.1, 0.035)), 450)
    if abs(z - 0.1) < 0.25:
        # A nodule, so that there is something to find.
        _paint(picture, _disc(x, y, (-0.5, 0.08), (0.06, 0.06)), 35)
    return picture + 18 * _noise(size, size, int(z * 50) + 100)


def head(z: float, t2: bool = False, size: int = 128) -> Plane:
    """An axial head in arbitrary units, T1- or T2-weighted; z from -1 (base) to 1 (top)."""
    x, y = _grid(size, size)
    k = 1 - 0.28 * z * z
    fat, bone, fluid, grey, white = (760, 40, 930, 560, 400) if t2 else (900, 40, 110, 430, 640)
    picture = np.zeros((size, size))
    _paint(picture, _disc(x, y, (0, 0), (0.76 * k, 0.93 * k), 0.03), fat)
    _paint(picture, _disc(x, y, (0, 0), (0.7 * k, 0.87 * k), 0.03), bone)
    _paint(picture, _disc(x, y, (0, 0), (0.65 * k, 0.82 * k), 0.03), fluid)
    _paint(picture, _disc(x, y, (0, 0), (0.62 * k, 0.79 * k), 0.03), grey)
    for fold in range(12):
        # The points of a clock, from a table: no trigonometry, so no platform's last digit.
        cx, cy = _CLOCK[fold]
        _paint(picture, _disc(x, y, (0.47 * k * cx, 0.6 * k * cy), (0.13, 0.13), 0.4), white)
    _paint(picture, _disc(x, y, (0, 0), (0.44 * k, 0.58 * k), 0.12), white)
    for side in (-1, 1):
        _paint(picture, _disc(x, y, (0.12 * side, -0.1), (0.07 * k, 0.24 * k), 0.2), fluid)
        _paint(picture, _disc(x, y, (0.24 * side, 0.02), (0.09, 0.14), 0.25), grey)
    _paint(picture, _disc(x, y, (0, -0.02), (0.012, 0.75 * k), 0.5), fluid)
    if t2 and z > 0:
        _paint(picture, _disc(x, y, (0.3, -0.3), (0.07, 0.09), 0.3), 880)
    return np.clip(picture + 22 * _noise(size, size, int(z * 50) + (500 if t2 else 300)), 0, 1023)


_CLOCK = [
    (0.0, -1.0), (0.5, -0.866), (0.866, -0.5), (1.0, 0.0), (0.866, 0.5), (0.5, 0.866),
    (0.0, 1.0), (-0.5, 0.866), (-0.866, 0.5), (-1.0, 0.0), (-0.866, -0.5), (-0.5, -0.866),
]  # fmt: skip


def beating_heart(frame: int, frames: int, rows: int = 120, columns: int = 128) -> Grey:
    """One frame of an echocardiogram: a fan of speckle with chambers that open and close, RGB."""
    x, y = _grid(rows, columns)
    depth = np.sqrt(x**2 + (y + 1) ** 2)
    fan = (np.abs(x) < 0.62 * (y + 1)) & (depth < 1.85) & (depth > 0.12)
    beat = abs(2 * frame / frames - 1)
    speckle = _noise(rows, columns, 7) + np.roll(_noise(rows, columns, 8), frame % 3, axis=0)
    tissue = 120 + 45 * speckle - 35 * (depth - 0.9)
    for at, radii in (
        ((-0.16, 0.05), (0.16 + 0.06 * beat, 0.36 + 0.08 * beat)),
        ((0.27, 0.08), (0.12 + 0.04 * beat, 0.28 + 0.06 * beat)),
        ((-0.14, 0.6), (0.17 - 0.04 * beat, 0.13)),
    ):
        _paint(tissue, _disc(x, y, at, radii, 0.25), 14)
    grey = np.where(fan, np.clip(tissue, 0, 255), 0)
    picture = np.stack([grey, grey * 0.92, grey * 0.78], axis=-1)
    # An ECG line below, and a marker that travels along it.
    for column in range(columns):
        phase = column * 3 % columns
        height = 14 if phase < 3 else (-4 if phase < 6 else (3 if 30 < phase < 45 else 0))
        picture[rows - 8 - max(height, 0) : rows - 7 - min(height, 0), column] = (40, 220, 90)
    now = frame * (columns - 1) // max(frames - 1, 1)
    picture[rows - 24 : rows - 2, now] = (240, 240, 80)
    return picture.astype(np.uint8)


def chest_projection(size: int = 160) -> Plane:
    """A chest seen from the front, 12 bits."""
    x, y = _grid(size, size)
    picture = np.full((size, size), 300.0)
    _paint(picture, _disc(x, y, (0, 0.2), (0.85, 1.15), 0.08), 2300)
    for side in (-1, 1):
        _paint(picture, _disc(x, y, (0.4 * side, 0.02), (0.3, 0.68), 0.15), 900)
        _paint(picture, _disc(x, y, (0.36 * side, -0.7), (0.33, 0.04), 0.6), 2800)
    for rib in range(7):
        height = -0.6 + 0.18 * rib
        arc = np.clip(1 - np.abs(y - height - 0.45 * x * x) / 0.035, 0, 1) * (np.abs(x) < 0.75) * (np.abs(x) > 0.08)
        picture += arc * 420
    _paint(picture, _disc(x, y, (0.12, 0.3), (0.3, 0.36), 0.15), 2700)
    _paint(picture, _disc(x, y, (0, 0), (0.09, 1.2), 0.4), 3000)
    _paint(picture, _disc(x, y, (0, 1.05), (0.8, 0.42), 0.1), 2900)
    return np.clip(picture + 40 * _noise(size, size, 900), 0, 4095)


def grey_wedge(seed: int, size: int = 64) -> Grey:
    """A grey wedge with a frame and a disc, 8 bits."""
    x, y = _grid(size, size)
    picture: Plane = np.floor((x + 1) * 4) * 31
    _paint(picture, _disc(x, y, (0, 0), (0.6, 0.6), 0.05), 40 + 45 * (seed % 5))
    picture[:2], picture[-2:], picture[:, :2], picture[:, -2:] = 255, 255, 255, 255
    wedge: Grey = np.clip(picture, 0, 255).astype(np.uint8)
    return wedge
