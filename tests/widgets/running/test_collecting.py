import gc
import weakref

import pytest

from napari_fluorodenoise.widgets.running.collecting import collect_all_again, collect_only_new


class Node:
    """An object that only a full collection gets rid of."""

    def __init__(self):
        self.itself = self


@pytest.fixture(autouse=True)
def nothing_at_work():
    yield
    for work in ("one", "other"):
        collect_all_again(work)
    assert gc.get_freeze_count() == 0


def test_what_is_there_is_left_out_until_all_work_is_over():
    node = Node()
    there = weakref.ref(node)
    collect_only_new("one")
    collect_only_new("other")
    del node
    gc.collect()
    assert there() is not None
    collect_all_again("one")
    gc.collect()
    assert there() is not None
    collect_all_again("other")
    gc.collect()
    assert there() is None


def test_what_is_new_is_collected():
    collect_only_new("one")
    there = weakref.ref(Node())
    gc.collect()
    assert there() is None
