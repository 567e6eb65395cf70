"""What a request takes: worked numbers, and ranges that are ranges."""

import pytest

from safecase.engines.footprint import Range, estimate, measured, of_tokens


@pytest.mark.parametrize(("active", "total", "wh"), [(8, 8, 0.036), (70, 70, 0.26), (37, 671, 1.6)])
def test_worked_numbers_of_400_tokens(active: float, total: float, wh: float) -> None:
    assert of_tokens(400, active, total, 1.2)[0] == pytest.approx(wh, rel=0.04)


def test_more_tokens_parameters_and_overhead_take_more() -> None:
    base = of_tokens(100, 10, 10, 1.1)
    for more in ((200, 10, 10, 1.1), (100, 20, 20, 1.1), (100, 10, 200, 1.1)):
        energy, embodied = of_tokens(*more)
        assert energy > base[0]
        assert embodied > base[1]
    assert of_tokens(100, 10, 10, 1.5)[0] == pytest.approx(base[0] * 1.5 / 1.1)


def test_ranges_are_in_order_and_carbon_follows_the_electricity() -> None:
    found = estimate(400, (7, 70), (7, 70), (1.1, 1.5), 0.4, 2.0)
    for one in (found.energy_kwh, found.carbon_kg, found.embodied_kg, found.water_l):
        assert one is not None
        assert 0 < one.low < one.likely < one.high
    assert found.carbon_kg.low == pytest.approx(found.energy_kwh.low * 0.4 + found.embodied_kg.low)
    assert found.water_l is not None
    assert found.water_l.high == pytest.approx(found.energy_kwh.high * 2)


def test_a_measured_request_is_no_range_and_a_thousand_of_them_are_kilowatt_hours() -> None:
    found = measured(0.5, 0.1, None)
    assert found.energy_kwh == Range(0.5, 0.5, 0.5)
    assert found.carbon_kg.likely == pytest.approx(0.05)
    assert found.water_l is None
