"""Pictures of points of a plane, kept while there is room.  The same point has one picture at every zoom."""

from __future__ import annotations

from collections import OrderedDict

from PySide6.QtGui import QPixmap

Tile = tuple[int, int, int]
"""(i, j, level): the point (i, j) * 2**level of the plane."""


def same_point(tile: Tile) -> Tile:
    """The coarsest name of a tile's point: (4, 2, 0) and (2, 1, 1) are one."""
    i, j, level = tile
    if i == 0 and j == 0:
        return 0, 0, 0
    while i % 2 == 0 and j % 2 == 0:
        i, j, level = i // 2, j // 2, level + 1
    return i, j, level


class TileCache:
    """Least recently drawn goes first when the pixmaps take more than ``budget`` bytes."""

    def __init__(self, budget: int = 48_000_000) -> None:
        self._budget, self._bytes = budget, 0
        self._tiles: OrderedDict[Tile, QPixmap] = OrderedDict()
        self._stale: set[Tile] = set()

    def __len__(self) -> int:
        return len(self._tiles)

    def __contains__(self, tile: Tile) -> bool:
        key = same_point(tile)
        return key in self._tiles and key not in self._stale

    def put(self, tile: Tile, pixmap: QPixmap) -> None:
        """Keep the picture of a point."""
        key = same_point(tile)
        self._drop(key)
        self._tiles[key] = pixmap
        self._bytes += self._size(pixmap)
        while self._bytes > self._budget and len(self._tiles) > 1:
            self._drop(next(iter(self._tiles)))

    def get(self, tile: Tile) -> QPixmap | None:
        """The picture, a stale one too, and note that it was used."""
        key = same_point(tile)
        found = self._tiles.get(key)
        if found is not None:
            self._tiles.move_to_end(key)
        return found

    def is_stale(self, tile: Tile) -> bool:
        """Whether the picture is of a look that is no more."""
        return same_point(tile) in self._stale

    def set_stale(self) -> None:
        """Everything here is of a look that is no more: it may be shown, but wants to be replaced."""
        self._stale = set(self._tiles)

    def clear(self) -> None:
        """Forget everything."""
        self._tiles.clear()
        self._stale.clear()
        self._bytes = 0

    def _drop(self, key: Tile) -> None:
        gone = self._tiles.pop(key, None)
        self._stale.discard(key)
        if gone is not None:
            self._bytes -= self._size(gone)

    @staticmethod
    def _size(pixmap: QPixmap) -> int:
        return 4 * pixmap.width() * pixmap.height()
