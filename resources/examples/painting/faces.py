"""A smiling face twice: flat as on a sign, and round as a ball.  White around it, as the translators learned it."""

from __future__ import annotations

import numpy as np

from .tools import Plane, hexes, mix, smooth

SIDE = 256
_EDGE = 0.004


def _round(x: Plane, y: Plane, cx: float, cy: float, rx: float, ry: float) -> Plane:
    """1 inside of an ellipse, 0 outside."""
    far = np.sqrt(((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2)
    return smooth(1 + _EDGE / rx, 1 - _EDGE / rx, far)


def _smile(x: Plane, y: Plane) -> Plane:
    """A half-moon below the middle."""
    mouth = _round(x, y, 0.5, 0.575, 0.19, 0.19)
    return mouth * smooth(0.588 - _EDGE, 0.588 + _EDGE, y)


def flat(side: int = SIDE) -> Plane:
    """Areas of one colour."""
    y, x = (np.mgrid[0:side, 0:side].astype(np.float32) + 0.5) / side
    white, yellow, brown, red, tongue = hexes("ffffff ffb02e 402a32 bb1d80 ef8fb4")
    picture = mix(white, yellow, _round(x, y, 0.5, 0.5, 0.44, 0.44))
    mouth = _smile(x, y)
    picture = mix(picture, brown, mouth)
    picture = mix(picture, red, (mouth * _round(x, y, 0.5, 0.79, 0.13, 0.09)))
    picture = mix(picture, tongue, (mouth * _round(x, y, 0.5, 0.80, 0.09, 0.06)))
    for cx in (0.355, 0.645):
        picture = mix(picture, brown, _round(x, y, cx, 0.42, 0.058, 0.085))
    return picture.astype(np.float32)


def ball(side: int = SIDE) -> Plane:
    """The same with light on it."""
    y, x = (np.mgrid[0:side, 0:side].astype(np.float32) + 0.5) / side
    white, light, middle, dark, brown, shine, red = hexes("ffffff ffe05c ffb52e e8742a 4a2b2a ffffff d8455f")
    inside = _round(x, y, 0.5, 0.5, 0.44, 0.44)
    lit = np.sqrt((x - 0.38) ** 2 + (y - 0.3) ** 2) / 0.75
    skin = mix(mix(light, middle, smooth(0.1, 0.55, lit)), dark, smooth(0.55, 1.0, lit))
    picture = mix(white, skin, inside)
    mouth = _smile(x, y)
    picture = mix(picture, brown, mouth)
    picture = mix(picture, red, (mouth * _round(x, y, 0.5, 0.79, 0.13, 0.09)))
    for cx in (0.355, 0.645):
        picture = mix(picture, brown, _round(x, y, cx, 0.42, 0.058, 0.085))
        picture = mix(picture, shine, _round(x, y, cx - 0.018, 0.385, 0.018, 0.022))
    gloss = _round(x, y, 0.36, 0.18, 0.14, 0.05) * 0.35
    return mix(picture, shine, gloss).astype(np.float32)
