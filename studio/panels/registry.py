"""The workspaces in the order of the rail.  A panel's module is imported when it is first shown."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

import msgspec
from PySide6.QtCore import QCoreApplication

from studio.project.latents import Mixed
from studio.project.morph import Encode, LatentSpace
from studio.project.requests import Matrix, Render
from studio.project.style import Forecast, LayerThumbs, Paint, Recolour, StyleSheet, Stylize
from studio.project.translate import Cycle, ReadLabels, Trace, Translate, Upscale, Variations

if TYPE_CHECKING:
    from studio.panels.base import Panel, Studio


@dataclass(frozen=True, slots=True)
class PanelEntry:
    """``name`` as in :attr:`Panel.name`; ``icon`` is a file of resources/icons."""

    name: str
    module: str
    class_name: str
    icon: str

    @property
    def title(self) -> str:
        """The title in the person's language."""
        return _title(self.name)

    def create(self, studio: Studio) -> Panel:
        """Import the module and make the panel (UI thread)."""
        made: Panel = getattr(import_module(self.module), self.class_name)(studio)
        return made


_ALL = (
    PanelEntry("explore", "studio.panels.explore", "ExplorePanel", "explore"),
    PanelEntry("mix", "studio.panels.mix", "MixPanel", "mix"),
    PanelEntry("style", "studio.panels.style", "StylePanel", "style"),
    PanelEntry("morph", "studio.panels.morph", "MorphPanel", "morph"),
    PanelEntry("translate", "studio.panels.translate", "TranslatePanel", "translate"),
    PanelEntry("library", "studio.panels.library", "LibraryPanel", "library"),
)


def _title(name: str) -> str:
    translate = QCoreApplication.translate
    return {
        "explore": translate("Rail", "Explore"),
        "mix": translate("Rail", "Mix"),
        "style": translate("Rail", "Style"),
        "morph": translate("Rail", "Morph"),
        "translate": translate("Rail", "Translate"),
        "library": translate("Rail", "Library"),
    }[name]


@cache
def entries() -> tuple[PanelEntry, ...]:
    """The panels that this program has (one that is not built in has no button)."""
    return tuple(entry for entry in _ALL if find_spec(entry.module) is not None)


HOME: dict[str, str] = {
    "generator": "explore",
    "autoencoder": "morph",
    "features": "style",
    "stylizer": "style",
    "translator": "translate",
    "upscaler": "translate",
}
"""The workspace in which a model of a role is at home."""
_STYLE = (Stylize, Recolour, Paint, LayerThumbs, StyleSheet, Forecast)
_MORPH = (Encode, LatentSpace)
_TRANSLATE = (Translate, Cycle, Variations, ReadLabels, Trace, Upscale)


def panel_for(request: msgspec.Struct, role: str = "generator") -> str:
    """The workspace that a recipe belongs to; ``role`` is that of its model (a picture's request does not tell)."""
    if isinstance(request, _STYLE):
        return "style"
    if isinstance(request, _TRANSLATE):
        return "translate"
    if isinstance(request, _MORPH) or role == "autoencoder":
        return "morph"
    if isinstance(request, Matrix) or (isinstance(request, Render) and isinstance(request.latent, Mixed)):
        return "mix"
    return "explore"
