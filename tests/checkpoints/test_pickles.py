"""Our reader of pickles reads plain data as Python does, and only that."""

from __future__ import annotations

import math
import pickle
from collections import OrderedDict
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studio.base.errors import ModelError
from studio.checkpoints.files import Blob, MemoryFile
from studio.checkpoints.limits import Budget
from studio.checkpoints.pickles.interpreter import Reader
from studio.checkpoints.pickles.nodes import Node, Text
from studio.checkpoints.pickles.rebuild import Rebuilder
from tests.checkpoints.makers import Call, raw_pickle


def read(data: bytes) -> Any:
    return Rebuilder(Budget(len(data))).run(Reader(Blob(MemoryFile(data), 0, len(data))))


KEYS = st.one_of(st.text(max_size=8), st.integers(), st.booleans(), st.none())
PLAIN = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(1 << 300), 1 << 300),
        st.floats(allow_nan=False),
        st.text(max_size=400),
        st.binary(max_size=400),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=5), st.tuples(inner, inner, inner, inner), st.dictionaries(KEYS, inner, max_size=5)
    ),
    max_leaves=30,
)


@settings(max_examples=150, deadline=None)
@given(value=PLAIN, protocol=st.integers(0, 5))
def test_plain_data_comes_back(value: Any, protocol: int) -> None:
    """Every protocol, both picklers' idea of sharing."""
    assert read(pickle.dumps(value, protocol)) == value
    assert read(pickle.dumps([value, value], protocol)) == [value, value]


@settings(max_examples=300, deadline=None)
@given(data=st.binary(max_size=200), first=st.sampled_from([b"", b"\x80\x02", b"\x80\x04", b"(", b"cos\nsystem\n"]))
def test_any_bytes_end_in_data_or_a_sentence(data: bytes, first: bytes) -> None:
    """No other exception, whatever the bytes."""
    try:
        read(first + data + b".")
    except ModelError as exc:
        assert str(exc).endswith(".")


def test_long_texts_and_bytes_stay_in_the_file() -> None:
    """Beyond the limit only the place is kept."""
    text, data = read(pickle.dumps(["x" * 100_000, b"y" * 100_000], 4))
    assert isinstance(text, Text) and text.blob.size == 100_000
    assert isinstance(data, Blob) and data.read(99_990) == b"y" * 10


def test_ordered_dicts_sets_and_unknown_objects() -> None:
    """Ordered dicts are dicts, sets and foreign objects are nodes with everything beside them."""
    for protocol in range(6):
        assert read(pickle.dumps(OrderedDict(a=1, b=[2]), protocol)) == {"a": 1, "b": [2]}
        group = read(pickle.dumps({1, 2, 3}, protocol))
        assert isinstance(group, Node) and sorted(group.elements or group.args[0]) == [1, 2, 3]
    node = read(raw_pickle(Call("my.package.Config", 1, state={"lr": 0.1})))
    assert isinstance(node, Node) and str(node.kind) == "my.package.Config"
    assert node.args == (1,) and node.attributes == {"lr": 0.1}


def test_special_floats() -> None:
    """Infinity and NaN are numbers here (weights are checked later)."""
    for protocol in range(6):
        assert read(pickle.dumps(math.inf, protocol)) == math.inf
        assert math.isnan(read(pickle.dumps(math.nan, protocol)))


@pytest.mark.parametrize("protocol", range(3))
def test_python_2_strings(protocol: int) -> None:
    """Strings of Python 2 are text if they can be; accents come out as latin1."""
    assert read(b"U\x03abc.") == "abc"
    assert read(b"S'a\\x41\\n'\n.") == "aA\n"
    assert read(b"T\x02\x00\x00\x00\xe9t.") == "\xe9t"
    with pytest.raises(ModelError):
        read(b"S'open\n.")
