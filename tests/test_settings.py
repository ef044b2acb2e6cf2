"""How settings are read, on sections that are no league's: what is taken, what is refused, and in which words."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from league.errors import ConfigError
from league.settings import Section, build, knob, merge, parse_setting, plain, read_toml, walk


@dataclass(frozen=True, kw_only=True)
class Wheel(Section):
    radius: float = knob(0.3, "metres", above=0, below=2)
    tyre: str | None = knob(None, "make of the tyre")


@dataclass(frozen=True, kw_only=True)
class Engine(Section):
    fuel: Literal["petrol", "current"] = knob("petrol", "what it burns")
    cylinders: int = knob(4, "how many", at_least=1, at_most=16)
    gears: tuple[float, ...] = knob((3.5, 2.0), "ratio of each", above=0)
    turbo: bool = knob(False, "whether it is charged")


@dataclass(frozen=True, kw_only=True)
class Car(Section):
    name: str = knob("car", "what it is called")
    seats: int | None = knob(None, "how many", at_least=1)
    engine: Engine = field(default_factory=Engine)
    wheels: tuple[Wheel, ...] = knob((Wheel(), Wheel(tyre="winter")), "from the front")
    drivers: dict[str, Wheel] = field(default_factory=lambda: {"first": Wheel()})


FINITE = st.floats(min_value=0.01, max_value=1.99)
WHEELS = st.builds(Wheel, radius=FINITE, tyre=st.none() | st.text())
ENGINES = st.builds(
    Engine,
    fuel=st.sampled_from(["petrol", "current"]),
    cylinders=st.integers(1, 16),
    gears=st.lists(FINITE, min_size=1).map(tuple),
    turbo=st.booleans(),
)
CARS = st.builds(
    Car,
    name=st.text(),
    seats=st.none() | st.integers(1, 9),
    engine=ENGINES,
    wheels=st.lists(WHEELS, min_size=1).map(tuple),
    drivers=st.dictionaries(st.text(), WHEELS),
)


@given(CARS)
def test_plain_data_is_read_back_to_an_equal_section(car: Car) -> None:
    assert build(Car, plain(car)) == car


def test_every_key_is_walked_in_order_with_its_value_and_meaning() -> None:
    assert list(walk(Car())) == [
        ("name", "car", "what it is called"),
        ("seats", None, "how many"),
        ("engine.fuel", "petrol", "what it burns"),
        ("engine.cylinders", 4, "how many"),
        ("engine.gears", [3.5, 2.0], "ratio of each"),
        ("engine.turbo", False, "whether it is charged"),
        ("wheels", [{"radius": 0.3, "tyre": None}, {"radius": 0.3, "tyre": "winter"}], "from the front"),
        ("drivers.first.radius", 0.3, "metres"),
        ("drivers.first.tyre", None, "make of the tyre"),
    ]


def test_numbers_are_taken_as_the_kind_that_is_meant() -> None:
    read = build(Car, {"engine": {"cylinders": 6.0, "gears": [3, 2.5]}, "drivers": {"first": {"radius": 1}}})
    numbers = [read.engine.cylinders, *read.engine.gears, read.drivers["first"].radius]
    assert numbers == [6, 3.0, 2.5, 1.0]
    assert [type(number) for number in numbers] == [int, float, float, float]


@pytest.mark.parametrize(
    ("data", "refusal"),
    [
        ({"name": 3}, "name = 3: must be a string"),
        ({"name": None}, "name = None: must be a string"),
        ({"seats": "two"}, "seats = 'two': must be a whole number"),
        ({"seats": 1.5}, "seats = 1.5: must be a whole number"),
        ({"seats": True}, "seats = True: must be a whole number"),
        ({"seats": 0}, "seats = 0: must be at least 1"),
        ({"engine": 3}, "engine = 3: must be a table"),
        ({"engine": {"fuel": "coal"}}, "engine.fuel = 'coal': must be one of petrol, current"),
        ({"engine": {"cylinders": 17}}, "engine.cylinders = 17: must be at most 16"),
        ({"engine": {"turbo": 1}}, "engine.turbo = 1: must be true or false"),
        ({"engine": {"turbo": "yes"}}, "engine.turbo = 'yes': must be true or false"),
        ({"engine": {"gears": []}}, "engine.gears = []: must be a list of numbers, not empty"),
        ({"engine": {"gears": 2.0}}, "engine.gears = 2.0: must be a list of numbers, not empty"),
        ({"engine": {"gears": [1.0, "two"]}}, "engine.gears = 'two': must be a number"),
        ({"engine": {"gears": [1.0, 0]}}, "engine.gears = 0.0: must be above 0"),
        ({"wheels": [{"radius": 1}, {"radius": 2}]}, "wheels[1].radius = 2.0: must be below 2"),
        ({"wheels": [{}, 3]}, "wheels[1] = 3: must be a table"),
        ({"wheels": {}}, "wheels = {}: must be a list of tables, not empty"),
        ({"drivers": 3}, "drivers = 3: must be a table"),
        ({"drivers": {"second": {"radius": False}}}, "drivers.second.radius = False: must be a number"),
        ({"drivers": {"second": {"radius": math.nan}}}, "drivers.second.radius = nan: must be a finite number"),
        ({"drivers": {"second": {"radius": math.inf}}}, "drivers.second.radius = inf: must be a finite number"),
        ({"drivers": {"second": {"radius": 10**400}}}, "drivers.second.radius = inf: must be a finite number"),
        ({"nmae": "x"}, "no option 'nmae'; did you mean 'name'?"),
        ({"engine": {"cylinder": 4}}, "no option 'engine.cylinder'; did you mean 'engine.cylinders'?"),
        ({"wheels": [{"radios": 1}]}, "no option 'wheels[0].radios'; did you mean 'wheels[0].radius'?"),
        ({"turbo": True}, "no option 'turbo'; did you mean 'engine.turbo'?"),
        ({"engine": {"name": "x"}}, "no option 'engine.name'; did you mean 'name'?"),
        ({"wings": 2}, "no option 'wings'"),
    ],
)
def test_what_cannot_be_is_named(data: dict[str, Any], refusal: str) -> None:
    with pytest.raises(ConfigError, match=f"^{re.escape(refusal)}$"):
        build(Car, data)


def test_a_section_that_is_made_in_code_keeps_its_ranges_too() -> None:
    with pytest.raises(ConfigError, match=r"^radius = 0\.0: must be above 0$"):
        Wheel(radius=0.0)
    assert (Engine(cylinders=1).cylinders, Engine(cylinders=16).cylinders) == (1, 16)


@pytest.mark.parametrize(
    ("setting", "data"),
    [
        ("seats=4", {"seats": 4}),
        (" engine.cylinders = 1e1 ", {"engine": {"cylinders": 10.0}}),
        ("engine.turbo=true", {"engine": {"turbo": True}}),
        ("engine.gears=[3, 2.5]", {"engine": {"gears": [3, 2.5]}}),
        ("drivers.first={ radius = 1 }", {"drivers": {"first": {"radius": 1}}}),
        ("name=beetle", {"name": "beetle"}),
        ("name='4'", {"name": "4"}),
        ("name=a=b", {"name": "a=b"}),
        ("name=", {"name": ""}),
        ("seats=auto", {"seats": None}),
        ("name='auto'", {"name": "auto"}),
        ("name=1\nseats=2", {"name": "1\nseats=2"}),
        (f"seats={'9' * 5000}", {"seats": "9" * 5000}),
    ],
)
def test_a_setting_is_toml_or_a_word(setting: str, data: dict[str, Any]) -> None:
    assert parse_setting(setting) == data


@pytest.mark.parametrize("setting", ["seats", "", "=4", " = 4"])
def test_a_setting_without_a_key_or_a_value_is_refused(setting: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(f"--set {setting!r}: write key=value")):
        parse_setting(setting)


def test_what_is_laid_over_wins_key_by_key_and_is_not_changed_later() -> None:
    below = {"name": "a", "engine": {"cylinders": 4, "turbo": False}}
    above = {"engine": {"turbo": True}, "drivers": {"first": {"radius": 1}}}
    merge(below, above)
    assert below == {"name": "a", "engine": {"cylinders": 4, "turbo": True}, "drivers": {"first": {"radius": 1}}}
    merge(below, {"drivers": {"second": {}}, "engine": 3})
    assert below["engine"] == 3
    assert above == {"engine": {"turbo": True}, "drivers": {"first": {"radius": 1}}}


def test_a_file_is_toml_in_utf_8(tmp_path: Path) -> None:
    path = tmp_path / "car.toml"
    path.write_text("name = 'Käfer'\n[engine]\ncylinders = 4\n", encoding="utf-8")
    assert read_toml(path) == {"name": "Käfer", "engine": {"cylinders": 4}}
    for wrong in (b"name = ", b"name = 'K\xe4fer'", b"name = 1\nname = 2"):
        path.write_bytes(wrong)
        with pytest.raises(ConfigError, match=f"^{re.escape(str(path))} is not TOML: "):
            read_toml(path)
    for missing in (tmp_path / "none.toml", tmp_path):
        with pytest.raises(ConfigError, match=f"^cannot read {re.escape(str(missing))}: "):
            read_toml(missing)
