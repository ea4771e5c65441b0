import pytest

from protocols.cautions import cautions
from protocols.load import SHIPPED_FOLDER, load

SHIPPED = sorted(path.stem for path in SHIPPED_FOLDER.glob("*.toml"))


def test_the_protocols_that_ship():
    assert {"center_out", "four_target", "left_right", "random_pursuit"} <= set(SHIPPED)


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_protocol_is_right_named_after_its_file_and_explained(name):
    protocol = load(name)
    assert protocol.name == name
    assert protocol.title
    assert protocol.description
    assert cautions(protocol) == []
    assert (SHIPPED_FOLDER / f"{name}.toml").read_text().startswith("# ")


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_protocol_has_control_units_and_a_rest_block_first(name):
    protocol = load(name)
    driven = {population for _, axis in protocol.axes.items() for population in axis.populations.values()}
    assert set(protocol.populations) - driven == {"control"}
    assert protocol.population_indices()["control"]
    assert protocol.blocks[0].kind == "rest"
    assert protocol.blocks[-1].duration_s is None


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_protocol_loads_with_the_plugins_that_ship(name, real_plugins):
    load(name)


def test_center_out_is_what_the_readme_says():
    protocol = load("center_out")
    assert protocol.n_axes == 2
    assert protocol.population_indices() == {
        "horizontal": tuple(range(32)),
        "vertical": tuple(range(32, 64)),
        "control": tuple(range(64, 96)),
    }
    positions = protocol.target_positions_cm()
    assert len(positions) == 8
    assert positions[0] == (8.0, 0.0)
    assert positions[2] == (0.0, 8.0)
    assert positions[4] == (-8.0, 0.0)


def test_left_right_has_one_axis():
    protocol = load("left_right")
    assert protocol.n_axes == 1
    assert protocol.target_positions_cm() == ((8.0, 0.0), (-8.0, 0.0))


def test_random_pursuit_lists_no_targets():
    assert load("random_pursuit").target_positions_cm() == ()
