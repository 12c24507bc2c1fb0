"""The whole hostile corpus: name -> maker of one file."""

from __future__ import annotations

from tests.checkpoints import hostile_autoencoders, hostile_kinds, hostile_parts
from tests.checkpoints.hostile import CORPUS, EVIL_MODULE, evil_module

__all__ = ["CORPUS", "EVIL_MODULE", "evil_module", "hostile_autoencoders", "hostile_kinds", "hostile_parts"]
