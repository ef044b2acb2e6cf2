"""Roles in the configuration: tables of TOML, and what is wrong with one."""

from pathlib import Path

import pytest

from league.config import LeagueConfig, load_config, presets
from league.errors import ConfigError


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "league.toml"
    path.write_text(text)
    return path


def test_every_preset_goes_to_plain_data_and_back() -> None:
    assert {"alphastar", "openai-five", "fictitious", "mirror"} <= set(presets())
    for name in presets():
        config = load_config(preset=name)
        assert LeagueConfig.from_dict(config.to_dict()) == config


def test_learners_are_numbered_where_there_are_several() -> None:
    config = load_config(preset="alphastar", settings=["roles.main.count=2", "roles.league-exploiter.count=0"])
    assert config.learners() == {"main1": "main", "main2": "main", "main-exploiter": "main-exploiter"}


def test_a_role_is_a_table(tmp_path: Path) -> None:
    file = write(
        tmp_path,
        """
        [roles.main]
        [roles.hunter]
        count = 3
        mix = [{ against = "latest", roles = ["main"] }]
        freeze_win_rate = 0.8
        """,
    )
    roles = load_config(file=file).roles
    assert list(roles) == ["main", "hunter"]
    assert roles["hunter"].mix[0].roles == ("main",)
    assert roles["main"] == LeagueConfig().roles["main"]


def test_a_preset_replaces_the_roles_and_a_setting_changes_one() -> None:
    stored = load_config(preset="alphastar").to_dict()
    assert list(load_config(base=stored).roles) == ["main", "main-exploiter", "league-exploiter"]
    assert list(load_config(base=stored, preset="mirror").roles) == ["main"]
    changed = load_config(base=stored, settings=["roles.main.reset_probability=0.5"]).roles
    assert changed["main"].reset_probability == 0.5
    assert changed["main"].mix == load_config(base=stored).roles["main"].mix
    assert len(changed) == 3
    assert load_config(settings=["roles.main.count=2"]).roles["main"].count == 2


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        (
            '[roles.main]\nmix = [{ against = "past", roles = ["man"] }]',
            r"roles\.main\.mix\[0\]\.roles: no role 'man'; did you mean 'main'",
        ),
        ("[roles.main]\nmix = []", r"roles\.main\.mix = \[\]: must be a list of tables, not empty"),
        ("[roles.main]\nmix = 3", r"roles\.main\.mix = 3: must be a list of tables"),
        (
            '[roles.main]\nmix = [{ against = "self", share = 0 }]',
            r"roles\.main\.mix: at least one source needs a share",
        ),
        (
            '[roles.main]\nmix = [{ against = "self", share = -1 }]',
            r"roles\.main\.mix\[0\]\.share = -1\.0: must be at least 0",
        ),
        ('[roles.main]\nmix = [{ against = "self", roles = ["main"] }]', r"roles\.main\.mix\[0\]\.roles: self-play"),
        ('[roles.main]\nmix = [{ against = "them" }]', r"roles\.main\.mix\[0\]\.against = 'them': must be one of self"),
        ("[roles.main]\nmix = [{ wheight = 1 }]", r"no option 'roles\.main\.mix\[0\]\.wheight'"),
        (
            "[roles.main]\nmix = [{ win_rate_from = 0.5, win_rate_below = 0.3 }]",
            r"win_rate_below = 0\.3: must be above",
        ),
        ("[roles.main]\nfreeze_win_rate = 1", r"roles\.main\.freeze_win_rate = 1\.0: must be below 1"),
        ("[roles.main]\nshare = inf", r"roles\.main\.share = inf: must be a finite number"),
        ("[roles.main]\nshare = nan", r"roles\.main\.share = nan: must be a finite number"),
        (f"[roles.main]\nshare = 1{'0' * 400}", r"roles\.main\.share = inf: must be a finite number"),
        (
            '[roles.main]\nmix = [{ against = "self", share = inf }]',
            r"roles\.main\.mix\[0\]\.share = inf: must be a finite number",
        ),
        (
            "[roles.main]\nmix = [{ win_rate_from = 1 }]",
            r"roles\.main\.mix\[0\]\.win_rate_from = 1\.0: must be below 1",
        ),
        (
            '[roles.main]\nmix = [{ against = "self", weighting = "squared" }]',
            r"roles\.main\.mix\[0\]\.weighting: self-play has no other opponents",
        ),
        (
            '[roles.main]\nmix = [{ against = "self", win_rate_from = 0.1 }]',
            r"roles\.main\.mix\[0\]\.win_rate_from: self-play has no other opponents",
        ),
        (
            '[roles.main]\nmix = [{ against = "self", win_rate_below = 0.5 }]',
            r"roles\.main\.mix\[0\]\.win_rate_below: self-play has no other opponents",
        ),
        (
            '[roles.main]\nmix = [{ against = "self" }]\nfreeze_win_rate = 0.7',
            r"roles\.main\.freeze_win_rate = 0\.7: a mix of self-play has nobody to beat",
        ),
        (
            '[roles.main]\nmix = [{ against = "self" }]\nreset_to = "opponent"',
            r"roles\.main\.reset_to = 'opponent': a mix of self-play and bots has no opponent",
        ),
        (
            "[roles.main]\nfreeze_limit_steps = 300000",
            r"roles\.main\.freeze_limit_steps = 300000: says nothing without freeze_win_rate",
        ),
        (
            "[roles.main]\nfreeze_win_rate = 0.7\nfreeze_steps = 200\nfreeze_limit_steps = 100",
            r"roles\.main\.freeze_limit_steps = 100: must be at least freeze_steps = 200",
        ),
        (
            "[roles.main]\nfreeze_win_rate = 0.7\nfreeze_limit_steps = 100",
            r"roles\.main\.freeze_limit_steps = 100: must be at least snapshots\.every_steps = 250000",
        ),
        ("[roles.main]\ncount = 100000", r"roles\.main\.count = 100000: must be at most 1000"),
        (
            '[roles.main]\nmix = [{ against = "past", roles = "main" }]',
            r"roles\.main\.mix\[0\]\.roles = 'main': must be a list of strings",
        ),
        ("[roles.main]\ncount = 0", r"roles: a league needs at least one role"),
        ("[roles.Main2]", r"roles\.Main2: a role's name is lower-case letters"),
        ("roles = 3", r"roles = 3: must be a table"),
        ("[roles]\nmain = 3", r"roles\.main = 3: must be a table"),
    ],
)
def test_an_impossible_table_is_named(tmp_path: Path, table: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        load_config(file=write(tmp_path, table))


def test_somebody_must_be_allowed_to_lead() -> None:
    config = load_config(preset="alphastar")
    assert [role for role in config.roles if config.may_lead(role)] == ["main"]
    assert config.may_lead("veteran"), "a role of before"
    assert not config.may_lead("imported.main"), "a role of another league"
    with pytest.raises(ConfigError, match="whose snapshots may become champion"):
        load_config(preset="alphastar", settings=["roles.main.champion=false"])
