"""New folders: where they may be, and what they keep of an empty one."""

import stat

import pytest

from sksetfit.utils.files import free_place, new_folder


def test_a_new_folder_keeps_the_permissions_of_an_empty_one(tmp_path):
    place = tmp_path / "model"
    place.mkdir(mode=0o700)
    with new_folder(free_place(place)) as partial:
        (partial / "file").write_text("text")
    assert stat.S_IMODE(place.stat().st_mode) == 0o700
    assert [each.name for each in place.iterdir()] == ["file"]
    assert [each.name for each in tmp_path.iterdir()] == ["model"]


def test_the_working_directory_is_not_replaced(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileExistsError, match="is in use and cannot be replaced"):
        free_place(".")
