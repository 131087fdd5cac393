from pathlib import Path

import pytest
from napari.settings import get_plugin_settings
from napari.utils.notifications import notification_manager
from npe2 import PluginManifest

from napari_fluorodenoise.recipe import Recipe
from napari_fluorodenoise.widgets.preferences import NAME, preferences


@pytest.fixture
def settings(plugin_settings, npe2pm):
    """The plugin's settings, their file in a temporary folder."""
    npe2pm.register(PluginManifest.from_distribution(NAME))
    return get_plugin_settings(NAME)


@pytest.fixture
def warned(monkeypatch):
    """What the user was told."""
    monkeypatch.setattr(notification_manager, "records", [])
    return lambda: [str(record.message) for record in notification_manager.records]


def test_what_nobody_set_has_a_default(settings, warned):
    found = preferences()
    assert (found.device, found.recipe, found.cache_folder) == ("auto", "auto", None)
    assert found.models_folder.is_absolute() and found.models_folder.parts[-2:] == (NAME, "models")
    assert warned() == []


def test_what_was_set_is_found(settings, tmp_path, warned):
    settings.denoising.device, settings.denoising.recipe = "cpu", "sdd"
    settings.folders.cache, settings.folders.models = f" {tmp_path} ", "~"
    found = preferences()
    assert (found.device, found.recipe) == ("cpu", "sdd")
    assert (found.cache_folder, found.models_folder) == (tmp_path, Path.home())
    assert warned() == []


def test_a_folder_that_cannot_be_used_is_named_and_its_default_holds(settings, tmp_path, warned):
    (tmp_path / "file").touch()
    settings.folders.cache, settings.folders.models = str(tmp_path / "gone"), str(tmp_path / "file")
    found = preferences()
    assert found.cache_folder is None
    assert found.models_folder.parts[-2:] == (NAME, "models")
    gone, file = warned()
    assert "cache folder" in gone and repr(str(tmp_path / "gone")) in gone and "\n" not in gone
    assert "models folder" in file and "name another" in file


@pytest.mark.parametrize(("setting", "choices"), [("device", ("auto", "cpu", "cuda")), ("recipe", Recipe.names())])
def test_choices_are_those_there_are(settings, setting, choices):
    (properties,) = (
        entry.properties
        for key, entry in PluginManifest.from_distribution(NAME).contributions.configurations.items()
        if key == "denoising"
    )
    assert tuple(properties[setting].enum) == choices
    with pytest.raises(ValueError, match="nonsense"):
        setattr(settings.denoising, setting, "nonsense")


def test_a_spoilt_file_of_settings_leaves_the_defaults(settings, tmp_path, npe2pm):
    from napari.settings import _clear_plugin_settings_cache

    Path(settings.config_path).write_text("denoising:\n  recipe: nonsense\n  device: cpu\n")
    _clear_plugin_settings_cache()
    assert preferences().recipe == "auto"
