"""What `napari.yaml` names of looking: commands for the selected layer, and docks. Importing it loads no Qt."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from napari.components import ViewerModel
from napari.utils.notifications import show_error, show_info

from napari_fluorodenoise.widgets.looking.linking import link, unlink
from napari_fluorodenoise.widgets.looking.overlays import show_foreground, show_panorama, show_uncertainty
from napari_fluorodenoise.widgets.looking.pair import pair_of, selected
from napari_fluorodenoise.widgets.looking.planes import put_beside
from napari_fluorodenoise.widgets.looking.residual import add_residual
from napari_fluorodenoise.widgets.looking.subtracted import add_subtracted
from napari_fluorodenoise.widgets.manifest import front_viewer
from napari_fluorodenoise.widgets.running.order import script_of
from napari_fluorodenoise.widgets.words import REFUSALS, one_line

if TYPE_CHECKING:
    from napari_fluorodenoise.widgets.looking.compare import Compare
    from napari_fluorodenoise.widgets.looking.kymograph import Kymograph
    from napari_fluorodenoise.widgets.looking.regions import Regions
    from napari_fluorodenoise.widgets.looking.trust import TrustReport

__all__: list[str] = []


def residual() -> None:
    """Add what the selected result took away."""
    _do(add_residual)


def uncertainty() -> None:
    """Show the uncertainty of the selected result."""
    _do(show_uncertainty)


def foreground() -> None:
    """Show the foreground in colour over the background."""
    _do(show_foreground)


def panorama() -> None:
    """Show the frames over the panorama."""
    _do(show_panorama)


def subtracted() -> None:
    """Add the selected sequence less the frame being looked at."""
    _do(add_subtracted)


def beside() -> None:
    """Put two planes side by side, or the second one back."""
    _do(put_beside)


def script() -> None:
    """Put a script that makes the selected result again on the clipboard."""
    _do(_copy_script)


def one_contrast() -> None:
    """Give before and after one contrast, or contrasts of their own again."""
    _do(toggle_contrast)


def compare() -> Compare:
    """The dock that arranges before and after."""
    from napari_fluorodenoise.widgets.looking.compare import Compare

    return Compare(front_viewer())


def regions() -> Regions:
    """The dock that measures drawn regions."""
    from napari_fluorodenoise.widgets.looking.regions import Regions

    return Regions(front_viewer())


def kymograph() -> Kymograph:
    """The dock that shows a drawn line in time."""
    from napari_fluorodenoise.widgets.looking.kymograph import Kymograph

    return Kymograph(front_viewer())


def trust_report() -> TrustReport:
    """The dock that tells whether a result may be trusted."""
    from napari_fluorodenoise.widgets.looking.trust import TrustReport

    return TrustReport(front_viewer())


def toggle_contrast(viewer: ViewerModel) -> None:
    """Link the contrast of the selected result and its source, or let go where it is linked, and say which."""
    pair = pair_of(selected(viewer), viewer)
    names = f"{pair.before.name} and {pair.after.name}"
    if link(viewer, pair.before, pair.after):
        show_info(f"{names} have one contrast from now on")
    else:
        unlink(pair.before, pair.after)
        show_info(f"{names} have contrasts of their own again")


def _copy_script(viewer: ViewerModel) -> None:
    from qtpy.QtWidgets import QApplication

    layer = selected(viewer)
    QApplication.clipboard().setText(script_of(layer, viewer.layers))
    show_info(f"copied a script that makes {layer.name} again")


def _do(command: Callable[[ViewerModel], Any]) -> None:
    """Call `command` for the window in front; what it refuses is one notification."""
    try:
        command(front_viewer())
    except REFUSALS as error:
        show_error(one_line(error))
