"""A table comes back from CSV as it was, also after a spreadsheet has had it in hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_fluorodenoise.io.files import FileError
from napari_fluorodenoise.io.table import read_table, write_table
from napari_fluorodenoise.video import Table

NAMES = ("row [px]", "column [px]", "segment")


@given(values=arrays(np.float64, st.tuples(st.integers(0, 5), st.just(3)), elements=st.floats(-1e9, 1e9)))
def test_every_digit_comes_back(values, tmp_path_factory):
    path = tmp_path_factory.mktemp("tables") / "offsets.csv"
    write_table(path, Table(data=values, columns=NAMES))
    found = read_table(path)
    np.testing.assert_array_equal(found.data, values)
    assert found.columns == NAMES


@pytest.mark.parametrize(
    "text",
    [
        "row [px],column [px]\n1,2\n3,4\n",
        "\ufeffrow [px], column [px]\r\n1.0, 2\r\n\r\n3,4e0",
        "row [px],column [px]\n1,2\n\n3,4\n\n",
    ],
)
def test_what_spreadsheets_and_hands_make_of_it_is_read(tmp_path, text):
    path = tmp_path / "edited.csv"
    path.write_bytes(text.encode())
    found = read_table(path)
    assert found.columns == ("row [px]", "column [px]")
    np.testing.assert_array_equal(found.data, [(1, 2), (3, 4)])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("row,column\n1,here\n", "'here'"),
        ("row,column\n1,\n", "convert"),
        ("row,column\n1,2\n3\n", "inhomogeneous"),
        ("row,column\n1,2,3\n", "reshape"),
        ("row,column\n1,nan\n", "not finite"),
        ("row,column\n1,inf\n", "not finite"),
        ("\n\n", "unpack"),
        ("row;column\n1;2\n", "'1;2'"),
        ("\xff\xfe", ""),
    ],
)
def test_what_is_no_table_is_refused_in_one_line(tmp_path, text, said):
    path = tmp_path / "wrong.csv"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(FileError, match=r"wrong\.csv: expected a line of column names") as raised:
        read_table(path)
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_missing_or_empty_file_is_refused(tmp_path):
    with pytest.raises(FileError, match="found none there"):
        read_table(tmp_path / "none.csv")
    (tmp_path / "empty.csv").touch()
    with pytest.raises(FileError, match="found an empty file"):
        read_table(tmp_path / "empty.csv")
    with pytest.raises(FileError, match="expected a line of column names"):
        read_table(tmp_path)
