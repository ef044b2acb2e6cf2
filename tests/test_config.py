"""The configuration of a league: every knob can be set, none beyond its range, and later sources win."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from league import config
from league.config import ArenaConfig, LeagueConfig, MixConfig, knobs, load_config, mended, preset_path, presets
from league.config.auto import AUTO_GAMES, AUTO_PLIES
from league.errors import ConfigError
from league.settings import Section, parse_setting, plain


def fields_of(section: Any, prefix: str = "") -> Iterator[tuple[str, dataclasses.Field[Any], Any]]:
    """Every knob with its key and default, by the dataclasses alone."""
    for f in dataclasses.fields(section):
        value = getattr(section, f.name)
        if isinstance(value, dict):
            for name, item in value.items():
                yield from fields_of(item, f"{prefix}{f.name}.{name}.")
        elif isinstance(value, Section):
            yield from fields_of(value, f"{prefix}{f.name}.")
        else:
            yield prefix + f.name, f, value


FIELDS = list(fields_of(LeagueConfig()))
BEYOND = {
    "at_least": lambda bound: bound - 1,
    "at_most": lambda bound: bound + 1 if bound < 1e15 else 2 * bound,
    "above": lambda bound: bound,
    "below": lambda bound: bound,
}
BOUNDS = [(key, f, rule) for key, f, _ in FIELDS for rule in BEYOND if f.metadata[rule] is not None]


def toml(value: Any) -> str:
    """A value as `--set` takes it; keys of tables that are left to the game are left out."""
    if isinstance(value, list) and value and isinstance(value[0], dict):
        rows = [", ".join(f"{k} = {toml(v)}" for k, v in row.items() if v is not None) for row in value]
        return "[" + ", ".join(f"{{ {row} }}" for row in rows) + "]"
    return "auto" if value is None else json.dumps(value)


def test_every_field_is_a_knob_with_a_meaning() -> None:
    assert [key for key, _, _ in knobs()] == [key for key, _, _ in FIELDS]
    assert [value for _, value, _ in knobs()] == [plain(value) for _, _, value in FIELDS]
    assert all(about for _, _, about in knobs())
    changed = load_config(settings=["seed=7", "roles.main.count=2"])
    new = [row[:2] for row, before in zip(knobs(changed), knobs(), strict=True) if row != before]
    assert new == [("seed", 7), ("roles.main.count", 2)]


ALL = [*FIELDS, *((f"mix.{f.name}", f, None) for f in dataclasses.fields(MixConfig))]
EXTREMES = ["nan", "inf", "-inf", "1e308", "-1e308", "1e12", "-1e12", "1e-308", "-1", "0", "x", "true", "auto", "[]"]


def test_every_number_has_a_least_and_a_most() -> None:
    numbers = [(key, f.metadata) for key, f, _ in ALL if re.search(r"\b(int|float)\b", str(f.type))]
    assert len(numbers) > 60
    for key, limits in numbers:
        assert limits["at_least"] is not None or limits["above"] is not None, key
        assert limits["at_most"] is not None or limits["below"] is not None, key


@pytest.mark.parametrize("key", [key for key, _, _ in ALL])
def test_any_value_is_taken_or_refused_in_one_line_that_names_it(key: str) -> None:
    for text in EXTREMES:
        if key.startswith("mix."):
            quoted = json.dumps(text) if text in ("x", "auto") else text
            setting = f"roles.main.mix=[{{ {key.removeprefix('mix.')} = {quoted} }}]"
        else:
            setting = f"{key}={text}"
        with pytest.raises((ConfigError, _TakenError), match=rf"^.*\b{key.rpartition('.')[2]}\b.*$"):
            raise _TakenError(load_config(settings=[setting]))


class _TakenError(Exception):
    """Its text names every knob."""


def test_every_section_can_be_imported_from_here() -> None:
    made = {kind.__name__: kind for kind in Section.__subclasses__() if kind.__module__.startswith("league.config.")}
    assert len(made) > 10
    assert all(getattr(config, name) is kind for name, kind in made.items())


@pytest.mark.parametrize(("key", "value"), [row[:2] for row in knobs()])
def test_every_knob_can_be_set(key: str, value: Any) -> None:
    stored = parse_setting(f"{key}=other")
    assert load_config(base=stored, settings=[f"{key}={toml(value)}"]) == LeagueConfig()


@pytest.mark.parametrize("key", [key for key, _, _ in knobs()])
def test_no_knob_takes_a_table(key: str) -> None:
    with pytest.raises(ConfigError, match=f"^{re.escape(key)} = {{.*}}: must be "):
        load_config(settings=[f"{key}={{ x = 1 }}"])


@pytest.mark.parametrize(("key", "field", "rule"), BOUNDS, ids=[f"{key} {rule}" for key, _, rule in BOUNDS])
def test_no_knob_goes_beyond_its_range(key: str, field: dataclasses.Field[Any], rule: str) -> None:
    bound = field.metadata[rule]
    beyond = BEYOND[rule](bound)
    value = [beyond] if "tuple" in str(field.type) else beyond
    must = re.escape(f"must be {rule.replace('_', ' ')} {bound}")
    with pytest.raises(ConfigError, match=rf"^{re.escape(f'{key} = {beyond}')}(\.0)?: {must}$"):
        load_config(settings=[f"{key}={toml(value)}"])


@pytest.mark.parametrize(
    ("setting", "refusal"),
    [
        ("lr=0.1", "no option 'lr'; did you mean 'learning.lr'?"),
        ("learning.lrr=0.1", "no option 'learning.lrr'; did you mean 'learning.lr'?"),
        ("learnign.lr=0.1", "no option 'learnign'; did you mean 'learning'?"),
        ("network.clip_param=3", "no option 'network.clip_param'; did you mean 'learning.clip_param'?"),
        ("roles.main.cuont=3", "no option 'roles.main.cuont'; did you mean 'roles.main.count'?"),
        ("zzz=1", "no option 'zzz'"),
        (
            "network.kind=mpl",
            "network.kind = 'mpl': must be one of mlp, conv, tables, or module:function; did you mean 'mlp'?",
        ),
        *(
            (f"{key}={name}", f"{key} = {name!r}: must be cpu, cuda or cuda:N, N from 0 to 99")
            for key in ("rollout.device", "arena.device")
            for name in ("", "gpu", "mps", "meta", "CUDA", "cuda:", "cuda:-1", "cuda:x", "cuda:01", "cuda:99999999999")
        ),
        ("promotion.elo1=0", "promotion.elo1 = 0.0: must be above elo0 = 0.0"),
        ("game=auto", "game = None: must be a string"),
        ("network.hidden=[64, 0]", "network.hidden = 0: must be at least 1"),
        ("network.hidden=[64, true]", "network.hidden = True: must be a whole number"),
    ],
)
def test_a_wrong_setting_is_named(setting: str, refusal: str) -> None:
    with pytest.raises(ConfigError, match=f"^{re.escape(refusal)}$"):
        load_config(settings=[setting])


def test_later_sources_win(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("seed = 3\n[learning]\nlr = 0.3\n", encoding="utf-8")
    base = load_config(settings=["seed=1", "learning.lr=0.1", "learning.gamma=0.5", "network.hidden=[8]"]).to_dict()
    read = load_config(base=base, file=file, settings=["learning.lr=0.4", "learning.lr=0.5"])
    assert (read.seed, read.learning.lr, read.learning.gamma, read.network.hidden) == (3, 0.5, 0.5, (8,))
    gpu = load_config(base={"network": {"kind": "mlp", "blocks": 9}}, preset="gpu").network
    assert (gpu.kind, gpu.blocks) == ("conv", load_config(preset="gpu").network.blocks)


def test_a_stored_configuration_is_json() -> None:
    settings = ["network.hidden=[16, 8]", "arena.bots=['uniform']", "rollout.games=7", "promotion.succession=auto"]
    for changed in (load_config(settings=settings), *(load_config(preset=name) for name in presets())):
        assert changed != LeagueConfig()
        assert LeagueConfig.from_dict(json.loads(json.dumps(changed.to_dict()))) == changed


def test_an_unknown_preset_is_named() -> None:
    with pytest.raises(ConfigError, match=r"^no preset 'miror'; did you mean 'mirror'\? \(there are: alphastar, "):
        preset_path("miror")


def test_what_auto_stands_for_is_said() -> None:
    about = {key: text for key, _, text in knobs()}
    assert about["rollout.games"].endswith(
        "auto: 2048 with lookahead, else 512 for batched games, 16 through an adapter"
    )
    assert about["rollout.plies"].endswith("auto: 16 with lookahead, else 32 for batched games, 64 through an adapter")
    assert about["rollout.runners"].endswith(
        "2 from 8 CPUs per learner on; below, 1 for tables and for a game through an adapter from 2 on, else 0"
    )
    numbers = (AUTO_GAMES, AUTO_PLIES)
    assert [number[batched] for number in numbers for batched in (True, False)] == [512, 16, 32, 64]


def test_a_stored_configuration_is_mended_key_by_key():
    stored = LeagueConfig(seed=7).to_dict()
    stored["promotion"] |= {"alpha": 0.5, "elo0": 40.0, "elo1": 30.0}
    stored["arena"] |= {"games": 1, "gone": 3}
    stored["roles"]["main"] |= {"count": -1, "share": 2.0}
    config, refused = mended(stored)
    assert set(refused) == {"promotion.elo1", "promotion.alpha", "arena.games", "arena.gone", "roles.main.count"}
    assert "promotion.alpha = 0.5: must be below 0.5" in refused["promotion.alpha"]
    assert (config.seed, config.promotion.alpha, config.arena) == (7, LeagueConfig().promotion.alpha, ArenaConfig())
    assert config.roles["main"].share == 2.0
    assert mended(config.to_dict()) == (config, {})


def test_values_that_do_not_go_together_are_mended_and_others_stay():
    stored = LeagueConfig().to_dict()
    stored["promotion"] |= {"elo0": 10.0, "elo1": 5.0}
    stored["snapshots"]["every_steps"] = 1000
    stored["roles"]["main"] |= {"freeze_win_rate": 0.7, "freeze_limit_steps": 500}
    config, refused = mended(stored)
    assert list(refused) == ["promotion.elo1", "roles.main.freeze_limit_steps"]
    assert (config.promotion.elo0, config.roles["main"].freeze_win_rate) == (10.0, 0.7)
    assert config.snapshots.every_steps == 1000
    assert mended({"roles": [], "network": 3, "nothing": {}})[0] == LeagueConfig()
    assert mended({"roles": {"main": {"mix": [{"against": "self", "roles": ["x"]}]}}})[0] == LeagueConfig()
    assert mended({"roles": {"Main": {}}})[0] == LeagueConfig()
    assert mended({"game": 3})[0] == LeagueConfig()
