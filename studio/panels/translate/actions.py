"""What the Translate panel can be asked for by menu, shortcut and palette."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from studio.panels.base import Action

if TYPE_CHECKING:
    from studio.panels.translate.panel import TranslatePanel


def actions_of(panel: TranslatePanel) -> Sequence[Action]:
    """The panel's entries; letters belong to the tools of the paper."""
    tr = panel.tr

    def mode(which: str) -> bool:
        return bool(panel.state.mode == which)

    def draws() -> bool:
        return mode("draw")

    return (
        Action("translate.keep", tr("Keep this picture"), panel.doing.keep_now, "Ctrl+Return", "play"),
        Action("translate.stop", tr("Stop"), panel.doing.stop, "", "stop", enabled=lambda: panel.doing.running),
        Action("translate.draw", tr("Draw"), lambda: panel.set_mode("draw"), "", "edit", checked=draws),
        Action(
            "translate.picture",
            tr("Translate a picture"),
            lambda: panel.set_mode("picture"),
            "",
            "picture",
            checked=lambda: mode("picture"),
        ),
        Action(
            "translate.enlarge",
            tr("Enlarge a picture"),
            lambda: panel.set_mode("enlarge"),
            "",
            "fit",
            checked=lambda: mode("enlarge"),
        ),
        Action("translate.choose", tr("Choose a picture…"), panel.choose, "", "picture"),
        Action("translate.trace", tr("Trace a picture…"), panel.tracing.choose, "", "lasso"),
        Action("translate.clear", tr("Fresh paper"), panel.paper.clear, "", "trash", enabled=draws),
        Action(
            "translate.go_on",
            tr("Go on with the result"),
            panel.pictures.go_on,
            "",
            "branch",
            enabled=lambda: panel.current_picture() is not None,
        ),
        Action(
            "translate.turn",
            tr("The other way round"),
            panel.turn,
            "",
            "translate",
            enabled=lambda: panel.modelling.models.back is not None and not mode("enlarge"),
        ),
        Action(
            "translate.cycle",
            tr("There and back"),
            panel.cycle,
            "",
            "loop",
            enabled=lambda: panel.modelling.models.back is not None and not mode("enlarge"),
            checked=lambda: panel.state.way == "cycle",
        ),
        Action("translate.variation", tr("Other variations"), panel.varying.others, "", "dice"),
        Action(
            "translate.mask",
            tr("Paint where it is strong"),
            lambda: panel.masks.take(0),
            "",
            "hand",
            enabled=lambda: mode("picture"),
        ),
        Action("translate.folder", tr("Translate a folder…"), panel.folder.choose, "", "folder"),
    )
