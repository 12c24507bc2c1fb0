"""The header: menu and project name, the field that searches everything, undo, compare, export."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QAction, QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QMenu, QMenuBar, QPushButton, QToolButton, QWidget

from studio.app.actions import Actions, menu_titles
from studio.base.paths import APP_NAME
from studio.widgets.icons import icon
from studio.widgets.parts import ElidedLabel, label, restyle
from studio.widgets.tokens import Theme

HEIGHT = 44


class Header(QWidget):
    """Filled from the action table; :meth:`show_project` and :meth:`set_busy` follow the document."""

    def __init__(self, actions: Actions, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFixedHeight(HEIGHT)
        self._actions = actions

        self.menu_button = QPushButton(APP_NAME)
        self.menu_button.setProperty("kind", "quiet")
        self.menu_button.setStyleSheet("QPushButton { font-size: 13px; font-weight: 600; padding: 0 8px; }")
        self.menu_button.setIcon(icon("chevron-down", Theme.FAINT))
        self.menu_button.setIconSize(QSize(12, 12))
        self.menu_button.setLayoutDirection(Qt.LayoutDirection.RightToLeft)
        self.menu_button.setAccessibleName(self.tr("Main menu"))
        self.menu_button.setToolTip(self.tr("Main menu") + "  (F10)")
        self.menu_button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.menu_button.setMenu(self._main_menu())

        self.name = ElidedLabel("")
        self.name.setAccessibleName(self.tr("Project"))
        self.mark = label("●")
        self.mark.setStyleSheet(f"color: {Theme.ACCENT}; font-size: 8px;")
        self.mark.setToolTip(self.tr("There are changes that are not in the file yet."))
        self.state = label("", "hint")

        self.search = QPushButton()
        self.search.setObjectName("search")
        self.search.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.search.setAccessibleName(self.tr("Search everything"))
        self.search.setToolTip(self.tr("Search actions, models, bookmarks and pictures"))
        self.search.setFixedHeight(28)
        self.search.setMinimumWidth(180)
        self.search.setMaximumWidth(440)
        self.search.setStyleSheet(
            f"#search {{ background: {Theme.WINDOW}; border: 1px solid {Theme.LINE}; border-radius: 6px; }}"
            f"#search:hover {{ background: {Theme.CANVAS}; }} #search:focus {{ border-color: {Theme.ACCENT}; }}"
        )
        inside = QHBoxLayout(self.search)
        inside.setContentsMargins(12, 0, 12, 0)
        for text in (self.tr("Search actions, models, pictures …"), "Ctrl+K"):
            part = QLabel(text)
            part.setStyleSheet(f"color: {Theme.FAINT};")
            part.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
            inside.addWidget(
                part, alignment=Qt.AlignmentFlag.AlignLeft if not inside.count() else Qt.AlignmentFlag.AlignRight
            )
        self.search.clicked.connect(actions.by_name["view.palette"].trigger)

        self.compare = QPushButton(self.tr("Compare"))
        self.compare.setCheckable(True)
        self.compare.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._follow(self.compare, actions.by_name["picture.compare"])

        self.export = QPushButton(self.tr("Export"))
        self.export.setProperty("kind", "primary")
        self.export.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.export.setIcon(icon("export", Theme.ON_ACCENT))
        self._follow(self.export, actions.by_name["picture.export"])

        row = QHBoxLayout(self)
        row.setContentsMargins(8, 0, 12, 0)
        row.setSpacing(8)
        left, right = QHBoxLayout(), QHBoxLayout()
        for box in (left, right):
            box.setSpacing(6)
        left.addWidget(self.menu_button)
        left.addWidget(label("—", "hint"))
        left.addWidget(self.name, 1)
        left.addWidget(self.mark)
        left.addWidget(self.state)
        left.addStretch(10)
        right.addStretch(1)
        for name in ("edit.undo", "edit.redo"):
            right.addWidget(self._tool(actions.by_name[name]))
        right.addSpacing(14)
        right.addWidget(self.compare)
        right.addWidget(self.export)
        row.addLayout(left, 1)
        row.addWidget(self.search, 2)
        row.addLayout(right, 1)

    def show_project(self, name: str, *, modified: bool, read_only: bool, busy: str = "") -> None:
        """The project's name, the dot of unsaved changes, and what is going on with the file ("Saving …")."""
        self.name.setText(name)
        self.name.setMinimumWidth(min(260, self.name.sizeHint().width()))
        self.mark.setVisible(modified)
        self.mark.setAccessibleName(self.tr("changed") if modified else "")
        self.state.setText(busy or (self.tr("read only") if read_only else ""))

    def set_comparing(self, on: bool) -> None:
        """Show whether a moment is pinned for comparison."""
        self.compare.setChecked(on)
        restyle(self.compare)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), Theme.colour(Theme.PANEL))
        painter.fillRect(0, self.height() - 1, self.width(), 1, Theme.colour(Theme.LINE))

    def _main_menu(self) -> QMenu:
        menu = QMenu(self)
        # The button is turned round to have its arrow at the right; the menu is not.
        menu.setLayoutDirection(Qt.LayoutDirection.LeftToRight)
        parts = {key: menu.addMenu(title) for key, title in menu_titles().items()}

        def fill() -> None:
            # Each time anew: the panel in front and the recent projects change.
            self._actions.refresh()
            for key, part in parts.items():
                _fill(self._actions, part, key)
                part.menuAction().setEnabled(not part.isEmpty())

        menu.aboutToShow.connect(fill)
        return menu

    def _tool(self, action: QAction) -> QToolButton:
        made = QToolButton()
        made.setDefaultAction(action)
        made.setIconSize(QSize(18, 18))
        made.setFixedSize(28, 28)
        made.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonIconOnly)
        made.setAccessibleName(action.text())
        made.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        return made

    def _follow(self, button: QPushButton, action: QAction) -> None:
        button.setToolTip(action.toolTip())
        button.setAccessibleName(action.text())
        button.clicked.connect(action.trigger)

        def update() -> None:
            button.setEnabled(action.isEnabled())
            if action.isCheckable():
                button.setChecked(action.isChecked())

        action.changed.connect(update)
        update()


def _fill(actions: Actions, menu: QMenu, key: str) -> None:
    for old in menu.findChildren(QMenu):
        old.deleteLater()
    menu.clear()
    actions.fill_menu(menu, key)


def system_menu_bar(actions: Actions) -> QMenuBar:
    """The bar at the top of the screen, where a Mac has one; the same menus as under the program's name."""
    bar = QMenuBar()
    for key, title in menu_titles().items():
        part = bar.addMenu(title)
        part.aboutToShow.connect(actions.refresh)
        part.aboutToShow.connect(lambda part=part, key=key: _fill(actions, part, key))
        _fill(actions, part, key)
    return bar
