"""One concern of the Translate panel: a section, and the jobs that it starts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from studio.panels.parts import part

if TYPE_CHECKING:
    from studio.panels.translate.panel import TranslatePanel


class Part(part.Part):
    """A concern that knows which panel it is of."""

    panel: TranslatePanel
