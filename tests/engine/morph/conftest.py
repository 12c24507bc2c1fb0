"""Tests of Morph share the small generators of Explore's."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "explore"))
