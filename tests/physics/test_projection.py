import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, map_coordinates

from napari_fluorodenoise.physics.projection import WATER, Geometry, Pose, Projector, Route, Volume, rays, scene

SMALL = Geometry(pixel=2.0, shape=(40, 52))
POSES = {
    "in front": Pose(),
    "to the left": Pose(90, 0),
    "to the head": Pose(0, 80),
    "oblique": Pose(-30, 20, (6.0, -4.0, 9.0)),
    "from below the horizon": Pose(130, -35, (-5.0, 3.0, 0.0)),
}
TILTED = np.array([[0.0, 0.3, 0.95], [-0.1, -0.99, 0.1], [0.98, -0.1, 0.17]])


def hounsfield(attenuation):
    """The HU (Z, Y, X) of linear attenuations in units of water's."""
    return (1000 * (np.asarray(attenuation, np.float32) - 1)).astype(np.float32)


def volume_of(attenuation, spacing=(1.0, 1.0, 1.0), **directions):
    return Volume(data=hounsfield(attenuation), spacing=spacing, **directions)


def marched(volume, geometry, pose, step=0.05):
    """What `Projector` should see: trilinear samples along every ray, a small step apart."""
    source, beam = rays(geometry, pose)
    row, column = np.mgrid[: geometry.shape[0], : geometry.shape[1]]
    way = (beam @ np.stack([column.ravel(), row.ravel(), np.ones(row.size)])).T
    length = np.linalg.norm(way, axis=1)
    reach = np.linalg.norm(np.array(volume.data.shape) * volume.spacing) / 2 + 10
    middle = np.linalg.norm(source)
    to_voxels = np.linalg.inv(volume.steps.T)
    mu = WATER * np.maximum(1 + volume.data / 1000, 0)
    total = np.zeros(len(way))
    for at in np.arange(middle - reach, middle + reach, step):
        places = to_voxels @ (source + way / length[:, None] * at).T + (np.array(mu.shape)[:, None] - 1) / 2
        total += map_coordinates(mu, places, order=1, mode="grid-constant") * (at < length)
    return (total * step).reshape(geometry.shape)


@pytest.fixture(scope="module")
def blobs():
    return gaussian_filter(np.pad(np.random.default_rng(3).uniform(0, 9, (18, 22, 26)), 7), 1.5)


@pytest.mark.parametrize("pose", POSES.values(), ids=POSES.keys())
def test_a_projection_is_what_marching_along_every_ray_finds(blobs, pose):
    volume = volume_of(blobs, (2.0, 1.0, 1.2))
    expected = marched(volume, SMALL, pose, step=0.4)
    found = Projector(volume, geometry=SMALL)(pose)
    assert found.dtype == np.float32
    assert found.shape == SMALL.shape
    assert expected.max() > 0.5
    np.testing.assert_allclose(found, expected, atol=0.003 * expected.max())


def test_a_volume_may_be_tilted(blobs):
    volume = volume_of(blobs, (2.0, 1.0, 1.2), directions=TILTED)
    expected = marched(volume, SMALL, POSES["oblique"], step=0.4)
    np.testing.assert_allclose(
        Projector(volume, geometry=SMALL)(POSES["oblique"]), expected, atol=0.003 * expected.max()
    )


def test_the_same_patient_looks_the_same_however_the_data_lie(blobs):
    volume = volume_of(blobs, (2.0, 1.0, 1.2))
    turned = Volume(
        data=np.ascontiguousarray(volume.data.transpose(2, 0, 1)[:, ::-1]),
        spacing=(1.2, 2.0, 1.0),
        directions=volume.directions[[2, 0, 1]] * [[1], [-1], [1]],
    )
    first, second = (Projector(v, geometry=SMALL)(POSES["oblique"]) for v in (volume, turned))
    np.testing.assert_allclose(first, second, atol=1e-4)


def test_a_slab_shows_its_thickness_along_each_ray():
    slab = np.ones((120, 20, 120), np.float32)
    geometry = Geometry(pixel=4.0, shape=(21, 31))
    found = Projector(volume_of(slab), geometry=geometry)(Pose())
    source, beam = rays(geometry, Pose())
    corner = beam @ [0, 0, 1]
    assert found[10, 15] == pytest.approx(20 * WATER, rel=1e-4)
    assert found[0, 0] == pytest.approx(20 * WATER * np.linalg.norm(corner) / 1000, rel=1e-4)
    assert source.tolist() == [0, 750, 0]


def test_a_ball_shows_its_chords():
    z, y, x = np.mgrid[-24:25, -24:25, -24:25]
    ball = np.clip(20.5 - np.sqrt(z**2 + y**2 + x**2), 0, 1)
    found = Projector(volume_of(ball), geometry=Geometry(pixel=1.0, shape=(81, 81)))(Pose(25, -15))
    column = np.arange(-40, 41)
    angle = np.arctan(column / 1000)  # of the ray, which passes the centre at 750 mm times its sine
    chord = 2 * np.sqrt(np.maximum(20.0**2 - (750 * np.sin(angle)) ** 2, 0))
    inside = np.abs(column) < 24
    np.testing.assert_allclose(found[40, inside] / WATER, chord[inside], rtol=0.02)
    assert found[40, np.abs(column) > 29].max() == 0  # 20 mm are 26.7 pixels on the detector


def spot(place):
    """A volume of 61 mm with a soft spot at `place` (x, y, z) mm from its centre."""
    data = np.zeros((61, 61, 61), np.float32)
    data[30 + place[2], 30 + place[1], 30 + place[0]] = 1000
    return volume_of(gaussian_filter(data, 1.2))


def seen_at(volume, pose, geometry):
    picture = Projector(volume, geometry=geometry)(pose)
    rows, columns = np.indices(picture.shape)
    return np.array([(rows * picture).sum(), (columns * picture).sum()]) / picture.sum()


@pytest.mark.parametrize(
    ("pose", "place", "expected"),
    [
        # a place (x, y, z) at depth d along the beam lies 1000 / (750 + d) times as far from the middle on the detector
        (Pose(), (12, 0, 0), (0, 12 * 1000 / 750)),
        (Pose(), (0, 0, 12), (-12 * 1000 / 750, 0)),
        (Pose(), (12, 15, 0), (0, 12 * 1000 / 735)),  # nearer to the source, which is behind the patient: larger
        (Pose(90, 0), (0, 12, 0), (0, 12 * 1000 / 750)),
        (Pose(30, 0), (0, 20, 0), (0, 10 * 1000 / (750 - 20 * np.cos(np.pi / 6)))),
        (Pose(0, 30), (0, 20, 0), (-10 * 1000 / (750 - 20 * np.cos(np.pi / 6)), 0)),
        (Pose(0, 0, (10.0, 0.0, -5.0)), (12, 0, 0), (-5 * 1000 / 750, 2 * 1000 / 750)),
    ],
)
def test_a_point_is_seen_where_the_angles_put_it(pose, place, expected):
    geometry = Geometry(pixel=1.0, shape=(81, 91))
    np.testing.assert_allclose(seen_at(spot(place), pose, geometry), np.add((40, 45), expected), atol=0.02)


def test_what_lies_behind_the_detector_is_not_seen():
    data = np.ones((31, 31, 31), np.float32)
    near = Geometry(source_detector=751.5, source_patient=750.0, pixel=2.0, shape=(3, 3))
    assert Projector(volume_of(data), geometry=near)(Pose())[1, 1] == pytest.approx(17 * WATER, rel=1e-3)
    assert not Projector(volume_of(data), geometry=near)(Pose(0, 0, (0.0, 60.0, 0.0))).any()


def test_air_and_less_than_air_show_nothing():
    assert not Projector(volume_of(np.full((5, 6, 7), -1.0)), geometry=SMALL)(Pose()).any()


def test_a_pan_runs_at_its_speed_and_a_turn_turns():
    route = Route(start=Pose(10, 5, (1.0, 2.0, 3.0)), turn=6.0, speed=9.0)
    assert route(0) == Pose(10, 5, (1.0, 2.0, 3.0))
    places = np.array([route(t).centre for t in np.arange(0, 20, 0.1)])
    np.testing.assert_allclose(np.linalg.norm(np.diff(places, axis=0), axis=1), 0.9, rtol=1e-3)
    assert np.ptp(places, axis=0)[1] == 0
    assert np.ptp(places, axis=0)[[0, 2]] == pytest.approx(50, abs=0.1)
    assert route(2.0).lao == pytest.approx(22)


def test_a_scene_adds_the_wire_and_keeps_a_still_view():
    class Blot:
        def line_integrals(self, seconds, *, geometry, pose):
            return np.full(geometry.shape, seconds, np.float32)

    volume = volume_of(np.ones((9, 9, 9)))
    alone = scene(volume, geometry=SMALL, route=Route())
    still = scene(volume, geometry=SMALL, route=Route(), wire=Blot())
    np.testing.assert_allclose(still(0.5), alone(0.0) + 0.5, rtol=1e-6)
    alone(0.0)[:] = 7  # whoever changes a picture does not change the next one
    assert alone(1.0).max() < 1
    moving = scene(volume, geometry=SMALL, route=Route(speed=30.0))
    assert np.abs(moving(0.0) - moving(0.2)).max() > 0.05


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Geometry(source_patient=1200.0), "between source and detector, found them 1200 and 1000 mm"),
        (lambda: Geometry(pixel=0.0), "expected pixels"),
        (lambda: volume_of(np.ones((4, 5))), r"volume \(Z, Y, X\), found an array of shape \(4, 5\)"),
        (lambda: volume_of(np.ones((4, 5, 6)), (1, 0, 1)), "spacing"),
        (lambda: volume_of(np.ones((4, 5, 6)), directions=np.ones((3, 3))), "three directions"),
    ],
)
def test_what_cannot_be_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
