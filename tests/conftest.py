"""What the tests of several commands share."""

import pytest

from napari_fluorodenoise.cli import main


@pytest.fixture
def run(capsys, tmp_path, monkeypatch):
    """A command line, run in an empty folder, as (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)

    def words(*arguments):
        code = main([str(argument) for argument in arguments])
        said = capsys.readouterr()
        return code, said.out, said.err

    return words
