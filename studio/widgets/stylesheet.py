"""The one style sheet: what Qt's own widgets look like here.  Widgets that paint themselves use the same tokens.

Buttons choose their look by the dynamic property ``kind``: ``primary`` (one per view), ``normal`` (the default),
``quiet`` (an icon or a word without a frame), ``link`` (small words in a section header), ``danger``.
Labels choose by ``role``: ``title``, ``heading``, ``dim``, ``hint``, ``error``.
"""

from __future__ import annotations

from studio.base import paths
from studio.widgets.tokens import Theme

_SHEET = """
* {{ outline: none; }}
QWidget {{ color: {ink}; font-size: {text}px; }}
QMainWindow, QDialog {{ background: {window}; }}
QMainWindow::separator {{ background: {line}; width: 1px; height: 1px; }}

QToolTip {{ background: {raised}; color: {ink}; border: 1px solid {line}; border-radius: 4px; padding: 5px 8px; }}

QLabel {{ background: transparent; }}
QLabel[role="title"] {{ font-size: {title}px; font-weight: 600; }}
QLabel[role="heading"] {{ font-weight: 600; }}
QLabel[role="dim"] {{ color: {dim}; font-size: {small}px; }}
QLabel[role="hint"] {{ color: {faint}; font-size: {small}px; }}
QLabel[role="error"] {{ color: {bad}; }}

QPushButton {{ background: {raised}; border: 1px solid {line}; border-radius: 6px; padding: 0 12px;
  min-height: 24px; font-weight: 500; }}
QPushButton:hover {{ background: {hover}; border-color: #3c404c; }}
QPushButton:pressed {{ background: {window}; }}
QPushButton:checked {{ border-color: {accent}; color: {accent}; }}
QPushButton:focus {{ border-color: {accent}; }}
QPushButton:disabled {{ color: {off}; background: {panel}; border-color: {raised}; }}
QPushButton::menu-indicator {{ image: none; width: 0; }}
QPushButton[kind="primary"] {{ background: {accent}; border-color: {accent}; color: {on_accent}; font-weight: 600; }}
QPushButton[kind="primary"]:hover {{ background: {accent_hover}; border-color: {accent_hover}; }}
QPushButton[kind="primary"]:pressed {{ background: {accent_down}; border-color: {accent_down}; }}
QPushButton[kind="primary"]:focus {{ border: 2px solid {ink}; padding: 0 11px; min-height: 22px; }}
QPushButton[kind="primary"]:disabled {{ background: #57462f; border-color: #57462f; color: #8d7a60; }}
QPushButton[kind="danger"] {{ color: {bad}; }}
QPushButton[kind="quiet"], QPushButton[kind="link"] {{ background: transparent; border-color: transparent; }}
QPushButton[kind="quiet"]:hover {{ background: {raised}; }}
QPushButton[kind="quiet"]:focus, QPushButton[kind="link"]:focus {{ border-color: {accent}; }}
QPushButton[kind="link"] {{ color: {dim}; font-size: {small}px; font-weight: 400; padding: 0 4px; min-height: 18px;
  border-radius: 4px; }}
QPushButton[kind="link"]:hover {{ color: {accent}; }}
QPushButton[kind="link"]:disabled {{ color: {off}; }}

QToolButton {{ background: transparent; border: 1px solid transparent; border-radius: 6px; padding: 3px; }}
QToolButton:hover {{ background: {hover}; }}
QToolButton:pressed {{ background: {window}; }}
QToolButton:checked {{ background: {amber_low}; }}
QToolButton:focus {{ border-color: {accent}; }}
QToolButton:disabled {{ color: {off}; }}
QToolButton[kind="framed"] {{ background: {raised}; border-color: {line}; }}
QToolButton[kind="framed"]:hover {{ background: {hover}; }}
QToolButton[kind="framed"]:checked {{ background: {amber_low}; border-color: {accent}; color: {accent}; }}
QToolButton[kind="framed"]:focus {{ border-color: {accent}; }}
QToolButton[kind="pill"] {{ color: {dim}; font-size: {small}px; padding: 0 7px; border-radius: 11px; }}
QToolButton[kind="pill"]:hover {{ color: {ink}; }}
QToolButton[kind="pill"]:checked {{ color: {accent}; }}
QToolButton[kind="pill"]:disabled {{ color: {off}; }}
QToolButton[kind="pill"]:focus {{ border-color: {accent}; }}
QToolButton::menu-indicator {{ image: none; }}

QLineEdit, QPlainTextEdit, QTextEdit, QSpinBox, QDoubleSpinBox, QComboBox, QDateTimeEdit, QKeySequenceEdit {{
  background: {raised}; border: 1px solid {line}; border-radius: 6px; padding: 0 8px; min-height: 24px;
  selection-background-color: {accent}; selection-color: {on_accent}; }}
QPlainTextEdit, QTextEdit {{ padding: 4px 6px; background: {canvas}; }}
QLineEdit:hover, QSpinBox:hover, QDoubleSpinBox:hover, QComboBox:hover {{ border-color: #3c404c; }}
QLineEdit:focus, QPlainTextEdit:focus, QTextEdit:focus, QSpinBox:focus, QDoubleSpinBox:focus, QComboBox:focus,
QKeySequenceEdit:focus {{ border-color: {accent}; }}
QLineEdit:disabled, QSpinBox:disabled, QDoubleSpinBox:disabled, QComboBox:disabled {{
  color: {off}; background: {panel}; border-color: {raised}; }}
QLineEdit[kind="inline"] {{ background: {canvas}; border: 1px solid {accent}; border-radius: 4px; padding: 0 5px;
  min-height: 0; }}

QComboBox QLineEdit {{ background: transparent; border: none; padding: 0 0 0 4px;
  min-height: 0; }}
QSpinBox, QDoubleSpinBox {{ padding-right: 20px; qproperty-alignment: "AlignRight | AlignVCenter"; }}
QSpinBox::up-button, QDoubleSpinBox::up-button {{ subcontrol-origin: border; subcontrol-position: top right;
  width: 18px; border: none; margin: 1px 1px 0 0; border-top-right-radius: 5px; background: transparent; }}
QSpinBox::down-button, QDoubleSpinBox::down-button {{ subcontrol-origin: border; subcontrol-position: bottom right;
  width: 18px; border: none; margin: 0 1px 1px 0; border-bottom-right-radius: 5px; background: transparent; }}
QSpinBox::up-button:hover, QDoubleSpinBox::up-button:hover, QSpinBox::down-button:hover,
QDoubleSpinBox::down-button:hover {{ background: {line}; }}
QSpinBox::up-arrow, QDoubleSpinBox::up-arrow {{ image: url("{theme}/up.svg"); width: 10px; height: 10px; }}
QSpinBox::down-arrow, QDoubleSpinBox::down-arrow {{ image: url("{theme}/down.svg"); width: 10px; height: 10px; }}

QComboBox {{ padding-right: 24px; combobox-popup: 0; }}
QComboBox::drop-down {{ border: none; width: 24px; }}
QComboBox::down-arrow {{ image: url("{theme}/down.svg"); width: 12px; height: 12px; }}
QComboBox QAbstractItemView {{ background: {raised}; border: 1px solid {line}; padding: 4px;
  selection-background-color: {hover}; selection-color: {ink}; }}
QComboBox QAbstractItemView::item {{ min-height: 26px; padding: 0 6px; border-radius: 4px; }}
QComboBox QAbstractItemView::item:selected {{ background: {amber_low}; color: {accent}; }}

QCheckBox, QRadioButton {{ spacing: 8px; background: transparent; min-height: 22px; }}
QCheckBox:disabled, QRadioButton:disabled {{ color: {off}; }}
QCheckBox::indicator, QRadioButton::indicator {{ width: 14px; height: 14px; border: 1px solid #454955;
  background: {raised}; border-radius: 4px; }}
QRadioButton::indicator {{ border-radius: 8px; }}
QCheckBox::indicator:hover, QRadioButton::indicator:hover {{ border-color: {dim}; }}
QCheckBox::indicator:focus, QCheckBox:focus::indicator, QRadioButton:focus::indicator {{ border-color: {accent}; }}
QCheckBox::indicator:checked {{ background: {accent}; border-color: {accent}; image: url("{theme}/check.svg"); }}
QCheckBox::indicator:indeterminate {{ background: {accent}; border-color: {accent}; image: url("{theme}/dash.svg"); }}
QRadioButton::indicator:checked {{ background: {accent}; border-color: {accent}; image: url("{theme}/dot.svg"); }}
QCheckBox::indicator:disabled {{ background: {panel}; border-color: {line}; }}

QScrollArea, QScrollArea > QWidget > QWidget[role="scrolled"] {{ background: transparent; border: none; }}
QScrollBar:vertical {{ background: transparent; width: 10px; margin: 0; }}
QScrollBar:horizontal {{ background: transparent; height: 10px; margin: 0; }}
QScrollBar::handle {{ background: #3a3e4a; border-radius: 3px; margin: 2px; }}
QScrollBar::handle:vertical {{ min-height: 28px; }}
QScrollBar::handle:horizontal {{ min-width: 28px; }}
QScrollBar::handle:hover {{ background: #505565; }}
QScrollBar::handle:pressed {{ background: {faint}; }}
QScrollBar::add-line, QScrollBar::sub-line {{ width: 0; height: 0; }}
QScrollBar::add-page, QScrollBar::sub-page {{ background: transparent; }}
QAbstractScrollArea::corner {{ background: transparent; }}

QMenuBar {{ background: {panel}; padding: 2px 6px; }}
QMenuBar::item {{ padding: 4px 8px; border-radius: 4px; background: transparent; }}
QMenuBar::item:selected {{ background: {hover}; }}
QMenu {{ background: {raised}; border: 1px solid {line}; padding: 5px; }}
QMenu::item {{ padding: 5px 28px 5px 10px; border-radius: 4px; min-height: 16px; }}
QMenu::item:selected {{ background: {hover}; }}
QMenu::item:disabled {{ color: {off}; }}
QMenu::icon {{ padding-left: 6px; }}
QMenu::separator {{ height: 1px; background: {line}; margin: 5px 6px; }}
QMenu::indicator {{ width: 14px; height: 14px; margin-left: 6px; }}
QMenu::indicator:checked {{ image: url("{theme}/check-accent.svg"); }}

QTabWidget::pane {{ border: none; border-top: 1px solid {line}; }}
QTabBar::tab {{ background: transparent; color: {dim}; padding: 6px 12px; border: none;
  border-bottom: 2px solid transparent; }}
QTabBar::tab:hover {{ color: {ink}; }}
QTabBar::tab:selected {{ color: {ink}; border-bottom-color: {accent}; font-weight: 600; }}
QTabBar::tab:focus {{ color: {accent}; }}

QProgressBar {{ background: {raised}; border: none; border-radius: 2px; max-height: 4px; min-height: 4px; }}
QProgressBar::chunk {{ background: {accent}; border-radius: 2px; }}

QAbstractItemView {{ background: {panel}; alternate-background-color: {panel}; border: 1px solid {line};
  border-radius: 6px; selection-background-color: {amber_low}; selection-color: {ink}; }}
QAbstractItemView::item {{ min-height: 26px; padding: 0 6px; border: none; }}
QAbstractItemView::item:hover {{ background: {raised}; }}
QAbstractItemView::item:selected {{ background: {amber_low}; color: {ink}; }}
QHeaderView {{ background: {panel}; border: none; }}
QHeaderView::section {{ background: {panel}; color: {dim}; border: none; border-bottom: 1px solid {line};
  padding: 5px 8px; font-size: {small}px; }}

QDialogButtonBox {{ dialogbuttonbox-buttons-have-icons: 0; }}
QMessageBox {{ messagebox-information-icon: url("{theme}/info.svg");
  messagebox-question-icon: url("{theme}/question.svg");
  messagebox-warning-icon: url("{theme}/warning.svg"); messagebox-critical-icon: url("{theme}/critical.svg"); }}
QMessageBox QLabel#qt_msgbox_label {{ min-width: 260px; font-weight: 600; }}

QSplitter::handle {{ background: {line}; }}
QSplitter::handle:horizontal {{ width: 1px; }}
QSplitter::handle:vertical {{ height: 1px; }}
QSplitter::handle:hover {{ background: {accent}; }}

QDockWidget {{ titlebar-close-icon: url("{theme}/close.svg"); titlebar-normal-icon: url("{theme}/window.svg"); }}
QDockWidget::title {{ background: {panel}; padding: 6px 10px; text-align: left; font-weight: 600; }}
QGroupBox {{ border: 1px solid {line}; border-radius: 6px; margin-top: 18px; padding: 8px; }}
QGroupBox::title {{ subcontrol-origin: margin; left: 2px; color: {dim}; }}
QStatusBar {{ background: {panel}; color: {dim}; border-top: 1px solid {line}; }}
QStatusBar::item {{ border: none; }}
QSlider::groove:horizontal {{ height: 4px; background: {line}; border-radius: 2px; }}
QSlider::sub-page:horizontal {{ background: {accent}; border-radius: 2px; }}
QSlider::handle:horizontal {{ width: 12px; height: 12px; margin: -4px 0; border-radius: 6px; background: {ink}; }}
QFrame[role="line"] {{ background: {line}; border: none; max-height: 1px; min-height: 1px; }}
"""


def style_sheet() -> str:
    """The style sheet with the tokens filled in and the small marks found in ``resources``."""
    folder = paths.resources().as_posix()
    return _SHEET.format(
        theme=f"{folder}/icons/marks",
        window=Theme.WINDOW,
        panel=Theme.PANEL,
        raised=Theme.RAISED,
        hover=Theme.HOVER,
        line=Theme.LINE,
        canvas=Theme.CANVAS,
        ink=Theme.INK,
        dim=Theme.DIM,
        faint=Theme.FAINT,
        off=Theme.OFF,
        accent=Theme.ACCENT,
        accent_hover=Theme.ACCENT_HOVER,
        accent_down=Theme.ACCENT_DOWN,
        on_accent=Theme.ON_ACCENT,
        bad=Theme.BAD,
        amber_low=Theme.blend(Theme.ACCENT, Theme.PANEL, 0.16).name(),
        text=Theme.TEXT,
        small=Theme.SMALL,
        title=Theme.TITLE,
    )
