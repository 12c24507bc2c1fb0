"""The tools of a drawing: their names, their sizes, and the shapes."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final, Literal, get_args

from PySide6.QtCore import QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen

Tool = Literal["pen", "brush", "eraser", "fill", "line", "rectangle", "ellipse"]
TOOLS: Final[tuple[Tool, ...]] = get_args(Tool)
SHAPES: Final[tuple[Tool, ...]] = ("line", "rectangle", "ellipse")

LEAST_SIZE, MOST_SIZE = 0.004, 0.5
"""Widths of lines as parts of the longer side of the picture."""
_STEP = math.radians(15)


@dataclass
class Settings:
    """What is in the hand."""

    tool: Tool = "pen"
    colour: str = "#000000"
    other: str = "#ffffff"
    """The second colour, one key away."""
    sizes: dict[str, float] = field(default_factory=lambda: {"pen": 0.03, "brush": 0.09, "eraser": 0.1})
    filled: bool = False
    mirror: bool = False
    opacity: float = 1.0
    """Of the brush."""
    tolerance: int = 48
    """Of filling, 0 to 255 of a channel."""
    gap: float = 2.0
    """Openings of lines in picture pixels that filling takes as closed."""

    def sized(self, tool: Tool | None = None) -> str:
        """Whose size a tool has: shapes are drawn with the pen."""
        name = tool or self.tool
        return name if name in self.sizes else "pen"


def shape_box(tool: Tool, start: QPointF, end: QPointF, *, even: bool) -> QRectF:
    """From corner to corner; ``even``: a square or a circle, and a line at a multiple of 15 degrees.

    For a line the result is not normalised: it goes from the top left to the bottom right corner.
    """
    across, down = end.x() - start.x(), end.y() - start.y()
    if even and tool == "line":
        angle = round(math.atan2(down, across) / _STEP) * _STEP
        length = math.hypot(across, down)
        across, down = length * math.cos(angle), length * math.sin(angle)
    elif even:
        side = max(abs(across), abs(down))
        across, down = math.copysign(side, across), math.copysign(side, down)
    box = QRectF(start, start + QPointF(across, down))
    return box if tool == "line" else box.normalized()


def shape_bounds(box: QRectF, width: float) -> QRect:
    """All pixels that a shape with lines of ``width`` can touch."""
    reach = width / 2 + 2
    return box.normalized().adjusted(-reach, -reach, reach, reach).toAlignedRect()


def draw_shape(painter: QPainter, tool: Tool, box: QRectF, colour: str, width: float, *, filled: bool) -> None:
    """Draw it as an outline of ``width``, or filled to the same outer edge."""
    pen = QPen(QColor(colour), width)
    pen.setCapStyle(Qt.PenCapStyle.RoundCap)
    pen.setJoinStyle(Qt.PenJoinStyle.MiterJoin)
    painter.setPen(pen)
    painter.setBrush(QColor(colour) if filled else Qt.BrushStyle.NoBrush)
    if tool == "line":
        painter.drawLine(box.topLeft(), box.bottomRight())
    elif tool == "rectangle":
        painter.drawRect(box)
    else:
        painter.drawEllipse(box)
