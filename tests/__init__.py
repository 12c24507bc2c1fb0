"""Tests mirror studio/.  A package, so that helpers can be shared: ``from tests.worker.watchdog import Watchdog``."""
