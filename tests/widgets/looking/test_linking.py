from napari.experimental import link_layers

from napari_fluorodenoise.widgets.looking.linking import link, unlink


def test_linked_contrast_is_one_until_it_is_let_go(viewer, source, result):
    result.contrast_limits = (3, 4)
    assert link(viewer, source, result) == {"contrast_limits", "gamma"}
    assert result.contrast_limits == source.contrast_limits
    result.contrast_limits = (80, 120)
    source.gamma = 0.5
    assert tuple(source.contrast_limits) == (80, 120)
    assert result.gamma == 0.5
    assert link(viewer, source, result) == set()
    unlink(source, result)
    result.contrast_limits = (10, 20)
    assert tuple(source.contrast_limits) == (80, 120)


def test_what_the_user_linked_stays_linked(viewer, source, result):
    link_layers([source, result], ["contrast_limits", "opacity"])
    unlink(source, result, attributes=link(viewer, source, result))
    result.gamma, result.contrast_limits, result.opacity = 0.5, (80, 120), 0.25
    assert (source.gamma, tuple(source.contrast_limits), source.opacity) == (1, (80, 120), 0.25)


def test_nothing_is_unlinked_where_nothing_is_named(viewer, source, result):
    link(viewer, source, result)
    unlink(source, result, attributes=())
    assert link(viewer, source, result) == set()


def test_a_deleted_layer_is_linked_to_nothing(viewer, source, result):
    link(viewer, source, result)
    viewer.layers.remove(result)
    result.contrast_limits = (3, 4)
    assert tuple(source.contrast_limits) != (3, 4)
