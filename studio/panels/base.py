"""What a panel is, and what it may ask of the window that holds it.

A panel is a ``stage`` (canvas and board, in the middle) and an ``inspector`` (sections, at the right) over one part
of the session.  It makes requests from the session, sends them to the worker with :meth:`Panel.live` or
:meth:`Panel.long`, and shows what comes back in :meth:`Panel.result`.  It never changes a picture by itself and
holds no state that is not in the session, except what is only for looking at (zoom, scroll, an unfinished drag).

A new panel is a module with a :class:`Panel` subclass and a line in ``panels/registry.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

import msgspec
from PySide6.QtCore import QObject, QSettings, SignalInstance
from PySide6.QtWidgets import QWidget

from studio.base.errors import StudioError
from studio.base.steps import Preview, UInt8Image
from studio.project.latents import Latent, Look
from studio.project.session import Bookmark, ModelRef, Session

if TYPE_CHECKING:
    from studio.checkpoints.card import ModelCard, Role
    from studio.checkpoints.library import Library
    from studio.engine.results import Picture
    from studio.project.assets import AssetStore
    from studio.widgets.canvas import Canvas
    from studio.worker.bridge import JobView, Worker


def _always() -> bool:
    return True


@dataclass(frozen=True, slots=True, eq=False)
class Action:
    """Something that a person can ask for by menu, shortcut or palette.

    ``name`` is "panel.verb"; ``text`` and ``tip`` are translated.  ``enabled`` is asked when a menu opens or the
    palette lists; ``checked`` makes it a toggle.
    """

    name: str
    text: str
    run: Callable[[], object]
    shortcut: str = ""
    icon: str = ""
    tip: str = ""
    enabled: Callable[[], bool] = _always
    checked: Callable[[], bool] | None = None


class DocumentLike(Protocol):
    """The one document: an immutable session, edited by whole new values."""

    @property
    def session(self) -> Session:
        """The value now."""
        ...

    @property
    def read_only(self) -> bool:
        """True for a project written by a newer program: it can be looked at and saved under another name."""
        ...

    @property
    def changed(self) -> SignalInstance:
        """``changed(before: Session, after: Session)`` after every edit, undo, redo, open."""
        ...

    def edit(self, session: Session, text: str, *, drag: str | None = None, final: bool = True) -> None:
        """One undo step named ``text`` (translated, without "Undo").

        Edits of one ``drag`` token merge into one step until one comes with ``final=True`` (the release); a drag
        that returns to its start leaves no step at all.
        """
        ...

    def undo_state(self) -> tuple[bool, bool]:
        """Whether there is something to take back, and something to do again."""
        ...

    def amend(self, session: Session) -> None:
        """A change that undo should pass over (the list of used models, the shown workspace)."""
        ...

    def begin(self, session: Session) -> None:
        """What a workspace starts with: no undo step, and the project does not count as changed by it."""
        ...


class ModelShelf(Protocol):
    """The models at hand, as the library shows them."""

    @property
    def changed(self) -> SignalInstance:
        """After an import, a removal, a find."""
        ...

    def entries(self) -> list[ModelCard]:
        """All models, embedded first."""
        ...

    def missing(self) -> list[ModelRef]:
        """The models that the project needs and this computer does not have."""
        ...

    def import_dialog(self) -> None:
        """Choose model files and import them."""
        ...

    def remove(self, card: ModelCard) -> None:
        """Take an imported model out of the library."""
        ...

    def assume(self, card: ModelCard, name: str, value: object) -> None:
        """Set something that the file does not say."""
        ...

    def rename(self, card: ModelCard, title: str) -> None:
        """Another title for an imported model."""
        ...

    def find_missing(self) -> None:
        """Search a folder for what is missing."""
        ...


class Studio(Protocol):
    """What the window gives to a panel."""

    @property
    def document(self) -> DocumentLike:
        """The one document."""
        ...

    @property
    def worker(self) -> Worker:
        """Runs requests; prefer :meth:`Panel.live`, :meth:`Panel.long` and :meth:`Panel.call`, which route results."""
        ...

    @property
    def assets(self) -> AssetStore:
        """Pictures and codes of the document, by sha256."""
        ...

    @property
    def library(self) -> Library:
        """Embedded and imported models."""
        ...

    @property
    def settings(self) -> QSettings:
        """Small things to remember (a folded section).  Keys "panel/name"."""
        ...

    @property
    def precision(self) -> str:
        """ "fast" or "exact", for new requests."""
        ...

    def card(self, model: str, role: Role = "generator") -> ModelCard | None:
        """The card of a model by sha256; "" is the embedded default of ``role``; None when it is missing.

        Requests carry ``card.sha256``, never "", so that a recipe means the same model for ever.
        """
        ...

    def of_role(self, role: Role) -> list[ModelCard]:
        """The usable models with this role, embedded first (for model choosers)."""
        ...

    def notify(self, message: StudioError | str, *, good: bool = False) -> None:
        """A notice over the window that never blocks.  ``good`` for something that went well."""
        ...

    def add_result(self, request: msgspec.Struct, picture: UInt8Image, title: str, panel: str) -> None:
        """Put a finished picture into the history (an equal request moves to the front instead of coming twice)."""
        ...

    def add_bookmark(self, latent: Latent, look: Look, model: str, name: str, picture: UInt8Image | None) -> None:
        """Keep a latent by name (undoable); ``picture`` becomes its thumbnail."""
        ...

    @property
    def models(self) -> ModelShelf:
        """The models at hand and what can be done with them."""
        ...

    def use_model(self, card: ModelCard) -> None:
        """Work with a model from now on, in the workspace in front if it can."""
        ...

    def use_bookmark(self, mark: Bookmark) -> None:
        """Go to a bookmarked latent, in the workspace in front if it can."""
        ...

    def recall(self, request: msgspec.Struct, panel: str) -> bool:
        """Bring a recipe back in the workspace ``panel``; False when nothing there can."""
        ...

    def export_picture(self, pixels: UInt8Image, request: msgspec.Struct, title: str) -> None:
        """Ask where, and write a picture with its recipe."""
        ...

    def picture_file(self, pixels: UInt8Image, request: msgspec.Struct, title: str) -> Path:
        """A PNG with its recipe that lasts as long as the program, for dragging out."""
        ...

    def show_recipe(self, request: msgspec.Struct, title: str) -> None:
        """Show the text that makes a picture again."""
        ...

    def open_model_dialog(self) -> None:
        """Let the person choose model files to import."""
        ...

    def choose_files(self, purpose: str, title: str, patterns: str, *, several: bool = False) -> list[Path]:
        """A file dialog that remembers its last folder by ``purpose``; [] when cancelled."""
        ...

    def choose_target(self, purpose: str, title: str, patterns: str, name: str) -> Path | None:
        """A save dialog that remembers its last folder by ``purpose``; asks before overwriting."""
        ...

    def load_picture(self, path: Path, then: Callable[[UInt8Image, str], object]) -> None:
        """Read a picture off the UI thread, then call ``then(pixels, title)`` in it; failures are told."""
        ...

    def take(self, things: Iterable[Path | UInt8Image]) -> None:
        """Something was dropped: pictures, models, projects, recipes and directions go where they belong."""
        ...

    def show_panel(self, name: str) -> None:
        """Bring a workspace to the front."""
        ...

    def run_action(self, name: str) -> None:
        """Run an action of the action table by name."""
        ...

    def picture_changed(self, panel: Panel) -> None:
        """The panel's current picture, caption or model line changed (export, compare and status line follow)."""
        ...


class Panel(QObject):
    """One workspace.  Subclasses set the class attributes, build ``stage`` and ``inspector`` in ``__init__``."""

    name: ClassVar[str] = ""
    """Key in the registry, in ``Session.workspace`` and in settings."""
    state_field: ClassVar[str] = ""
    """The field of :class:`Session` that this panel edits."""
    own_jobs: ClassVar[frozenset[str]] = frozenset()
    """Keys of long jobs whose progress it shows itself: while it is in front the job strip leaves them out."""

    stage: QWidget
    """Canvas and board; fills the middle."""
    inspector: QWidget
    """The column at the right (usually :class:`studio.widgets.section.Inspector`)."""
    canvas: Canvas | None = None
    """The main canvas, if there is one: zoom, compare and drag-out actions go to it."""

    def __init__(self, studio: Studio, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.studio = studio
        self.active = False
        self._jobs: dict[int, str] = {}
        self._missed: Session | None = None
        worker = studio.worker
        # Receivers are methods of this QObject, so Qt takes the connections away with it.
        worker.progress.connect(self._on_progress)
        worker.preview.connect(self._on_preview)
        worker.loss.connect(self._on_loss)
        worker.finished.connect(self._on_finished)
        worker.failed.connect(self._on_failed)
        worker.cancelled.connect(self._on_cancelled)
        worker.replaced.connect(self._on_replaced)
        studio.document.changed.connect(self._on_changed)

    # What the window asks ------------------------------------------------------------------------------------

    @property
    def title(self) -> str:
        """One word, translated: "Explore"."""
        raise NotImplementedError

    @property
    def description(self) -> str:
        """What it does, in one translated line."""
        raise NotImplementedError

    def activate(self) -> None:
        """It comes to the front.  Call the base first: it tells what changed meanwhile."""
        self.active = True
        if self._missed is not None:
            before, self._missed = self._missed, None
            now = self.studio.document.session
            if before is not now:
                self.session_changed(before, now)

    def deactivate(self) -> None:
        """Another panel came to the front; stop playing, keep what is shown."""
        self.active = False

    def session_changed(self, before: Session, after: Session) -> None:
        """The document changed (by this panel too): bring controls to the new values silently, ask for a picture.

        Only called while the panel is in front; what happens meanwhile arrives with :meth:`activate`.
        """

    def settle(self) -> None:
        """The session is about to be saved or undone: write what a hand did and is still being kept into it, now."""

    def models_changed(self) -> None:
        """Models came, went, or are understood otherwise: show the choice anew and ask for the picture again."""
        now = self.studio.document.session
        self.session_changed(now, now)

    def actions(self) -> Sequence[Action]:
        """Its entries for the panel menu, shortcuts (active while it is in front) and the palette."""
        return ()

    def current_picture(self) -> tuple[UInt8Image, msgspec.Struct] | None:
        """The picture on the canvas at full size and its request, for export and copy; None while there is none."""
        return None

    def model_line(self) -> str:
        """The right end of the status bar: "avatars-128 · StyleGAN2 · 128 px · 12 ws"."""
        return ""

    def current_result(self) -> Picture | None:
        """The result behind :meth:`current_picture` when it holds more than its 8 bits: 16 bits, a profile."""
        return None

    def picture_title(self) -> str:
        """A short name of the current picture, for files and the history ("": the window finds one)."""
        return ""

    def accept_picture(self, pixels: UInt8Image, title: str) -> bool:
        """A photograph was dropped or pasted.  True when the panel took it (or asked what to do with it)."""
        return False

    def accept_file(self, path: Path, title: str) -> bool:
        """A picture file was dropped; True when the panel takes the file itself (16 bits, its profile).

        Otherwise its pixels come with :meth:`accept_picture`.
        """
        return False

    def accept_task(self, task: str, pixels: UInt8Image, title: str) -> bool:
        """Do something ("enlarge", "picture": translate) with a picture of another workspace; True when it can."""
        return False

    def accept_ingredient(self, request: msgspec.Struct, title: str) -> bool:
        """A picture that carries its recipe was dropped here: True to take its latent as one source among others.

        Otherwise the window brings the whole recipe back in the workspace that it belongs to.
        """
        return False

    def accept_request(self, request: msgspec.Struct) -> bool:
        """Bring a recipe back (history, exported picture): write it into the session as one undo step."""
        return False

    def accept_bookmark(self, bookmark: Bookmark) -> bool:
        """Use a bookmarked latent; True when taken."""
        return False

    def accept_directions(self, path: Path) -> bool:
        """A file of directions was dropped; True when taken."""
        return False

    def accept_model(self, card: ModelCard) -> bool:
        """Use this model from now on; True when its role fits."""
        return False

    # Its part of the session ---------------------------------------------------------------------------------

    @property
    def state(self) -> Any:
        """The panel's part of the session (``state_field``)."""
        return getattr(self.studio.document.session, self.state_field)

    def change(self, text: str, *, drag: str | None = None, final: bool = True, **changes: Any) -> None:
        """Replace fields of the panel's state as one undo step; ``drag``/``final`` as in :meth:`DocumentLike.edit`."""
        session = self.studio.document.session
        state = msgspec.structs.replace(getattr(session, self.state_field), **changes)
        token = f"{self.name}.{drag}" if drag else None
        self.studio.document.edit(
            msgspec.structs.replace(session, **{self.state_field: state}), text, drag=token, final=final
        )

    # Jobs ----------------------------------------------------------------------------------------------------

    def live(self, request: msgspec.Struct, key: str = "") -> int:
        """Ask for a picture now; the latest request of this ``key`` wins.  Returns the job id.

        The id may be that of an earlier, equal request that is still being worked on.
        """
        return self._mine(self.studio.worker.live(self._key(key), request), key)

    def long(self, request: msgspec.Struct, title: str, key: str = "") -> int:
        """Queue a long job that shows in the job strip as ``title`` (translated).  Returns the job id."""
        return self._mine(self.studio.worker.long(request, title, self._key(key)), key)

    def call(
        self,
        function: Callable[[Any], Any],
        title: str,
        key: str = "",
        where: Literal["device", "io"] = "device",
    ) -> int:
        """Run ``function(context)`` off the UI thread, ``device``: among the long jobs, ``io``: files.  The job id."""
        return self._mine(self.studio.worker.call(function, title, self._key(key), where), key)

    def cancel(self, key: str = "") -> None:
        """End this panel's jobs of ``key``."""
        self.studio.worker.cancel_key(self._key(key))

    def owns(self, job: int) -> bool:
        """Whether this panel started the job and its end has not been told."""
        return job in self._jobs

    def progress(self, job: int, view: JobView) -> None:
        """A job of this panel moved on: ``view.phase``, ``done``, ``total``, ``eta_s``."""

    def preview(self, job: int, preview: Preview) -> None:
        """A job of this panel shows a picture on the way."""

    def loss(self, job: int, loss: Any) -> None:
        """A job of this panel reports :class:`~studio.base.steps.Loss` values."""

    def result(self, job: int, request: Any, result: Any) -> None:
        """A job of this panel is done; ``result`` as in ``engine/results.py``."""

    def failed(self, job: int, request: Any, error: StudioError) -> None:
        """A job of this panel failed.  Told as a notice unless overridden."""
        self.studio.notify(error)

    def end_gently(self, job: int) -> bool:
        """A person wants this job ended: True when the panel ends it in its own way (keeping what is there)."""
        return False

    def stopped(self, job: int) -> None:
        """A job of this panel was cancelled."""

    def _key(self, key: str) -> str:
        return f"{self.name}.{key}" if key else self.name

    def key_of(self, job: int) -> str:
        """The ``key`` that a job of this panel was started with; valid also while its end is being told."""
        return self._jobs.get(job, "")

    def adopt(self, job: int, key: str) -> None:
        """A job that the window started anew for this panel (tried again on another device) is its own from now on."""
        self._mine(job, key)

    def _mine(self, job: int, key: str) -> int:
        self._jobs[job] = key
        return job

    def _on_progress(self, job: int, view: JobView) -> None:
        if job in self._jobs:
            self.progress(job, view)

    def _on_preview(self, job: int, preview: Preview) -> None:
        if job in self._jobs:
            self.preview(job, preview)

    def _on_loss(self, job: int, loss: object) -> None:
        if job in self._jobs:
            self.loss(job, loss)

    def _on_finished(self, job: int, request: object, result: object) -> None:
        if job in self._jobs:
            try:
                self.result(job, request, result)
            finally:
                self._jobs.pop(job, None)

    def _on_failed(self, job: int, request: object, error: StudioError) -> None:
        if job in self._jobs:
            try:
                self.failed(job, request, error)
            finally:
                self._jobs.pop(job, None)

    def _on_cancelled(self, job: int) -> None:
        if job in self._jobs:
            try:
                self.stopped(job)
            finally:
                self._jobs.pop(job, None)

    def _on_replaced(self, job: int) -> None:
        self._jobs.pop(job, None)

    def _on_changed(self, before: Session, after: Session) -> None:
        if self.active:
            self.session_changed(before, after)
        elif self._missed is None:
            self._missed = before
