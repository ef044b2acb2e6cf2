"""What the documentation says must be true: commands, links, paths, tables, messages, examples."""

from __future__ import annotations

import ast
import importlib.util
import io
import re
import shlex
import struct
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from typer.main import get_command

from league.config import LeagueConfig, knobs
from league.games import game_spec
from league.games.builtin import BUILTIN
from league.interfaces.cli.app import app, run
from league.interfaces.cli.champion import HISTORY
from league.interfaces.cli.console import print_parts, tabulate
from league.interfaces.exporter.metrics import METRICS
from league.interfaces.serve.question import read_question
from league.iteration import LOSSES
from league.ladder.records import Promotion, Snapshot
from league.matches.arena import Arena
from league.policies.weights import digest, fresh, pack
from league.pool.address import is_embedded
from league.pool.journal import EVENT_KINDS
from league.pool.store import Store
from league.status import LearnerStatus

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
SHELLS = ("sh", "bash", "console")
RUN = {
    "leaderboard",
    "matches",
    "ratings",
    "status",
    "champion",
    "evaluate",
    "play",
    "promote",
    "rollback",
    "export",
    "config",
    "presets",
    "pool",
    "log",
    "backup",
    "restore",
}
"""Commands that are typed at a real league; the others are only parsed."""
OWN_TEST = ("your-own-game.md",)
"""Pages that a test of their own follows to the letter: test_your_own_game.py."""
GROUPS = ("pool", "k8s", "log")
"""Commands that have commands."""


class Block(NamedTuple):
    """A fenced block."""

    page: Path
    language: str
    text: str


class Typed(NamedTuple):
    """A command line in the documentation."""

    page: Path
    words: tuple[str, ...]
    output: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}: {shlex.join(self.words)}"


@cache
def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def blocks(*languages: str) -> list[Block]:
    fence = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
    found = [Block(page, *match.groups()) for page in PAGES for match in fence.finditer(text_of(page))]
    return [block for block in found if block.language in languages]


def prose(page: Path) -> str:
    return re.sub(r"^```.*?^```$", "", text_of(page), flags=re.MULTILINE | re.DOTALL)


def typed() -> Iterator[Typed]:
    """Every line of a shell block; in a `console` block those after `$ `, with what follows as their output."""
    for block in blocks(*SHELLS):
        lines = block.text.splitlines()
        starts = [n for n, line in enumerate(lines) if block.language != "console" or line.startswith("$ ")]
        for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
            words = shlex.split(lines[start].removeprefix("$ "), comments=True)
            yield Typed(block.page, tuple(words), "\n".join(lines[start + 1 : end]))


def spans() -> Iterator[tuple[Path, str]]:
    """Code in running text."""
    for page in PAGES:
        for span in re.findall(r"`([^`\n]+)`", prose(page)):
            yield page, span


def commands(program: str) -> list[Typed]:
    return [one for one in typed() if one.words[:1] == (program,)]


LEAGUE = commands("league")


def test_something_was_found() -> None:
    assert len(LEAGUE) > 25
    assert {one.words[1] for one in LEAGUE} >= RUN - {"config", "presets"} | {"train", "exporter"}


def test_every_line_of_a_shell_block_is_a_known_program() -> None:
    programs = {one.words[0] for one in typed() if one.words}
    known = {"league", "make", "pip", "export", "python", "curl", "docker", "helm", "kind", "kubectl"}
    known |= {"npm", "ray", "set", "sh", "kill"}
    assert programs <= known, programs - known


def test_commands_of_ray_exist() -> None:
    from ray.scripts.scripts import cli

    group: Any = cli
    lines = [one.words for one in typed() if one.words and one.words[0] == "ray"]
    assert lines
    for words in lines:
        command = group.commands[words[1]]
        command = command.commands[words[2]] if hasattr(command, "commands") else command
        known = {name for parameter in command.params for name in parameter.opts}
        ours = words[: words.index("--")] if "--" in words else words
        assert {word for word in ours if word.startswith("--")} <= known, words


def parse(words: tuple[str, ...]) -> Any:
    """Parse a command as typer would, without running it."""
    group: Any = get_command(app)
    context = group.make_context("league", list(words[:1]), resilient_parsing=True)
    command = group.get_command(context, words[0])
    assert command is not None, f"no command {words[0]}"
    parsed = command.make_context(words[0], list(words[1:]), parent=context)
    if words[0] not in GROUPS:
        return parsed
    command = command.get_command(parsed, words[1])
    assert command is not None, f"no command {words[0]} {words[1]}"
    return command.make_context(words[1], list(words[2:]), parent=parsed)


@pytest.mark.parametrize("command", LEAGUE, ids=str)
def test_every_command_parses(command: Typed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LEAGUE_STORE", raising=False)
    parsed = parse(command.words[1:]).params
    if command.words[1] == "train":
        keys = {key for key, _, _ in knobs()}
        assert {setting.partition("=")[0] for setting in parsed["settings"] or ()} <= keys
        game = parsed["game"]
        assert game is None or game == "my_game" or command.page.name in OWN_TEST or game_spec(game)


def test_commands_in_running_text_exist_with_their_options() -> None:
    group: Any = get_command(app)
    for page, span in spans():
        words = span.split()
        if words[0] != "league" or len(words) < 2 or "…" in span:
            continue
        command = group.commands.get(words[1])
        if words[1] in GROUPS and len(words) > 2 and words[2] != "|":
            command = command.commands.get(words[2])
        assert command is not None, f"{page.name}: {span}"
        options = {name for parameter in command.params for name in parameter.opts} | {"--help"}
        assert {word for word in words if word.startswith("--")} <= options, f"{page.name}: {span}"


def test_options_in_running_text_exist() -> None:
    group: Any = get_command(app)
    every = [*group.commands.values(), *(one for name in GROUPS for one in group.commands[name].commands.values())]
    options = {name for command in every for parameter in command.params for name in parameter.opts}
    options |= {"--no-wait", "--submission-id"}  # Of `ray job submit`: see test_commands_of_ray_exist.
    for page, span in spans():
        for word in re.findall(r"^--[a-z-]+", span):
            assert word in options | {"--help"}, f"{page.name}: {span}"


def test_keys_of_the_configuration_in_running_text_exist() -> None:
    keys = {key for key, _, _ in knobs()}
    sections = {key.partition(".")[0] for key in keys if "." in key}
    for page, span in spans():
        if re.fullmatch(rf"(?:{'|'.join(sections)})\.[a-z_]+", span):
            assert span in keys, f"{page.name}: {span}"


def test_every_command_and_every_option_is_documented() -> None:
    words = "\n".join(map(text_of, PAGES))
    group: Any = get_command(app)
    for name, command in group.commands.items():
        for below, one in getattr(command, "commands", {"": command}).items():
            typed = f"league {name} {below}".rstrip()
            assert re.search(rf"{typed}\b", words), typed
            for option in {option for parameter in one.params for option in parameter.opts if option[:2] == "--"}:
                assert re.search(rf"{option}(?![\w-])", words), f"{typed} {option}"


def targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def test_make_targets_exist() -> None:
    named = {word for one in commands("make") for word in one.words[1:]}
    named |= {span.split()[1] for _, span in spans() if span.startswith("make ")}
    assert {"demo", "test", "check"} <= named <= targets()


def test_extras_exist() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    for extra in re.findall(r"^\| `(\w+)` \|", text_of(ROOT / "README.md"), re.MULTILINE):
        assert re.search(rf"^{extra} = \[", project, re.MULTILINE), extra
    for one in commands("pip"):
        for extra in re.findall(r"\[([\w,]+)\]", " ".join(one.words)):
            assert all(re.search(rf"^{name} = \[", project, re.MULTILINE) for name in extra.split(","))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_resolve(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if target.startswith(("https://", "http://")):
            continue
        path, _, anchor = target.partition("#")
        aim = (page.parent / path).resolve() if path else page
        assert aim.exists(), target
        if anchor:
            assert anchor in anchors(aim), target


def test_the_readme_leads_to_every_page() -> None:
    listed = (ROOT / "README.md").read_text(encoding="utf-8").partition("\n## Read on\n")[2]
    missing = [page.name for page in sorted(ROOT.glob("docs/*.md")) if f"](docs/{page.name})" not in listed]
    assert not missing


def anchors(page: Path) -> set[str]:
    """As GitHub makes them of headings."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_paths_and_modules_exist() -> None:
    folders = {path.name for path in ROOT.iterdir() if path.is_dir()} | {"league", "docs", "tests", "benchmarks"}
    for page, span in spans():
        if re.fullmatch(r"[\w./-]+/[\w./-]*", span) and span.partition("/")[0] in folders - {"runs", "tensorboard"}:
            assert (ROOT / span).exists(), f"{page.name}: {span}"
        module = re.match(r"python -m ([\w.]+)", span)
        if module:
            path = ROOT / module[1].replace(".", "/")
            assert path.with_suffix(".py").exists() or (path / "__main__.py").exists(), f"{page.name}: {span}"


def test_generated_tables_equal_the_code() -> None:
    """`python docs/generate.py` writes them."""
    source = importlib.util.spec_from_file_location("docs_generate", ROOT / "docs" / "generate.py")
    assert source is not None
    assert source.loader is not None
    generate = importlib.util.module_from_spec(source)
    source.loader.exec_module(generate)
    for path, expected in generate.pages():
        assert text_of(path) == expected, f"{path.name}: run python docs/generate.py"


def test_every_knob_is_documented() -> None:
    rows = re.findall(r"^\| `([\w.]+)` \|", text_of(ROOT / "docs" / "configuration.md"), re.MULTILINE)
    variables = {"LEAGUE_STORE", "LEAGUE_NAME", "LEAGUE_DASHBOARD_TOKEN", "RAY_ADDRESS", "NO_COLOR"}
    assert set(rows) - variables == {key for key, _, _ in knobs()}


def test_every_metric_is_documented_and_no_other() -> None:
    named = set(re.findall(r"\bleague_[a-z_]+[a-z]\b", text_of(ROOT / "docs" / "metrics.md")))
    assert named - {"league_role"} == {metric.name for metric in METRICS}


def test_every_tensorboard_scalar_is_documented_and_no_other() -> None:
    board = (ROOT / "league" / "actors" / "board.py").read_text(encoding="utf-8")
    names = set(re.findall(r'"((?:speed|training)/\w+)":', board))
    names |= {f"speed/{field}" for field, number in LearnerStatus.numbers() if number.per_second}
    assert set(re.findall(r'f"(\w+)/\{\w+\}"', board)) == {"losses", "training", "speed", "elo", "score"}
    names |= {"training/BOT", "score/BOT", "elo/newest", "elo/champion"}
    names |= {f"losses/{name}" for name in LOSSES}
    rows = re.findall(r"^\| `(\w+/\w+)` \|", text_of(ROOT / "docs" / "metrics.md"), re.MULTILINE)
    assert sorted(rows) == sorted(names)


def test_every_message_of_the_troubleshooting_table_is_in_the_code() -> None:
    table = text_of(ROOT / "docs" / "operations.md").partition("## Troubleshooting")[2]
    messages = re.findall(r"^\| `([^`]+)` \|", table, re.MULTILINE)
    assert len(messages) > 20
    said = list(strings_of_the_package())
    for message in messages:
        # Of two placeholders side by side the reader sees one.
        assert any(message in re.sub("…+", "…", text) for text in said), message


@cache
def strings_of_the_package() -> tuple[str, ...]:
    """All strings in the code, a value that is put in as `…`."""
    found = []
    for path in (ROOT / "league").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                parts = (part.value if isinstance(part, ast.Constant) else "…" for part in node.values)
                found.append("".join(map(str, parts)))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(node.value)
    return tuple(found)


def test_every_event_is_documented() -> None:
    said = set()
    for path in (ROOT / "league").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(func=ast.Attribute(attr="say" | "add_event"), args=[ast.Constant(value=kind), *_]):
                    said.add(kind)
                case ast.Call(func=ast.Attribute(attr="_say"), args=[ast.Constant(value=kind), _]):
                    said.add(kind)
    assert set(EVENT_KINDS) == said
    table = text_of(ROOT / "docs" / "operations.md").partition("### Events")[2].partition("## Backups")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == said


def test_every_decision_is_listed() -> None:
    folder = ROOT / "docs" / "decisions"
    records = sorted(path.name for path in folder.glob("0*.md"))
    assert re.findall(r"\]\((0[\w-]+\.md)\)", text_of(folder / "README.md")) == records
    for number, name in enumerate(records, start=1):
        lines = text_of(folder / name)
        assert name.startswith(f"{number:04d}-")
        assert lines.startswith(f"# {number}. ")
        assert re.findall(r"^## (\w+)$", lines, re.MULTILINE) == ["Context", "Decision", "Consequence"]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder like the reader's, with a small league in `runs/demo`."""
    folder = tmp_path_factory.mktemp("reader")
    config = LeagueConfig.from_dict(
        {
            "network": {"kind": "mlp", "hidden": [8]},
            "arena": {"games": 2, "opening_plies": 2},
            "promotion": {"max_games": 46},
        }
    )
    spec = game_spec(config.game)
    with Store.open(str(folder / "runs" / "demo")) as store:
        store.create(config)
        for number in range(9):
            weights = pack(fresh(spec, config.network, seed=number))
            snapshot = Snapshot(
                name=f"main-{number:04d}",
                digest=digest(weights),
                learner="main",
                steps=1000 * number,
                created_s=50.0 + number,
                bytes=len(weights),
            )
            store.add_snapshot(snapshot, weights)
            if number in (3, 8):
                champion = Promotion(
                    policy=snapshot.name, digest=snapshot.digest, by="coordinator", reason="best", promoted_s=number
                )
                store.promote(champion)
        matches = Arena(store, config)
        for seed, opponent in enumerate(["uniform", "negamax-2", "main-0007"]):
            store.record(matches.play("main-0008", opponent, games=4, seed=seed))
        yield folder


def typed_at_a_league(page: Path) -> list[Typed]:
    if page.name in OWN_TEST:
        return []
    return [one for one in LEAGUE if one.page == page and harmless(one.words) and all(map(is_embedded, one.words))]


def harmless(words: tuple[str, ...]) -> bool:
    """Whatever needs npm or a hub, tests/interfaces/hub types; `league play --web` is in tests/interfaces/play."""
    return (words[1] in RUN and not {"--vendor", "--web"} & set(words)) or {"publish", "--dry-run"} <= set(words)


@pytest.mark.parametrize("page", [page for page in PAGES if typed_at_a_league(page)], ids=lambda page: page.name)
def test_commands_that_start_nothing_run(
    page: Path, place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In the order of the page; what they print begins as the page shows it, names and numbers apart."""
    monkeypatch.chdir(place)
    monkeypatch.setenv("LEAGUE_STORE", "runs/demo")  # as the README says
    monkeypatch.delenv("LEAGUE_NAME", raising=False)
    for command in typed_at_a_league(page):
        few = ["--games", "2"] if command.words[1] == "evaluate" else []
        capsys.readouterr()
        monkeypatch.setattr("sys.stdin", io.StringIO("quit\n"))  # Of a game against a policy.
        code = run([*command.words[1:], *few])
        captured = capsys.readouterr()
        assert code in ((0, 1) if command.words[1] == "promote" else (0,)), f"{command}: {captured.err}"
        if command.output:
            shown, printed = command.output.splitlines()[0], captured.out.splitlines()[0]
            assert pattern(shown) == pattern(printed), command


def pattern(line: str) -> str:
    """A line without what differs from league to league: names, numbers, the width of columns."""
    line = re.sub(r"main-\d+|negamax-\d|uniform", "POLICY", line)
    # What is tested against the champion may also win: then it is said who else was tried.
    line = re.sub(r"(?:refused|undecided|(accepted))(.*?)(?(1); .*)$", r"DECISION\2", line).replace("-", "+")
    line = re.sub(r"(?<!\w)(?:\d+|∞)(?!\w)", "", line)
    return re.sub(r"POLICY( POLICY)+", "POLICY", " ".join(line.split()))  # Games differ in how many bots they have.


def test_the_example_in_python_runs(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(place)
    if not Path("champion.onnx").exists():
        assert run(["export", "champion", "--store", "runs/demo", "--output", "champion.onnx"]) == 0
        capsys.readouterr()
    examples = [block for block in blocks("python") if block.page.name == "onnx.md"]
    assert len(examples) == 1
    exec(compile(examples[0].text, "onnx.md", "exec"), {})
    assert re.fullmatch(r"connect_four: play column [0-6], expect [+-]\d+\.\d\d\n", capsys.readouterr().out)


def test_the_examples_of_the_python_api_run(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One after the other, as a reader would type them."""
    monkeypatch.chdir(place)
    space: dict[str, Any] = {}
    examples = [block for block in blocks("python") if block.page.name in ("metrics.md", "python.md")]
    assert len(examples) > 5
    for block in examples:
        exec(compile(block.text, "python.md", "exec"), space)
    printed = capsys.readouterr().out
    assert "<league 'league' at runs/demo: connect_four>" in printed
    assert "95% interval" in printed


def test_the_example_of_serving_is_a_position_of_the_demo() -> None:
    (example,) = [block for block in blocks("json") if block.page.name == "serving.md"]
    question = read_question(example.text.encode(), game_spec("connect_four"))
    assert question.include == {"value", "probabilities"} or set(question.include) == {"value", "probabilities"}


def test_every_game_on_tensors_is_in_the_readme() -> None:
    text = text_of(ROOT / "README.md").lower()
    assert [name for name in BUILTIN if name not in text and name.replace("_", " ") not in text.replace("-", " ")] == []


@pytest.mark.parametrize(
    "word",
    [
        "llr",
        "pfsp",
        "payoff",
        "anchor",
        "ply",
        "seat",
        "elo above uniform",
        "nash mixture",
        "gate",
        "coordinator",
        "value",
    ],
)
def test_the_glossary_has_the_words(word: str) -> None:
    glossary = text_of(ROOT / "docs" / "glossary.md")
    assert re.search(rf"^## {word}$|\\*\\*{word}\\*\\*", glossary, re.MULTILINE | re.IGNORECASE)
    headings = re.findall(r"^## (.+)$", glossary, re.MULTILINE)
    assert headings == sorted(headings, key=str.lower)


def test_pictures_of_the_page_are_there_and_have_its_sizes() -> None:
    named = {
        (page.parent / name).resolve()
        for page in PAGES
        for name in re.findall(r'(?:src|srcset)="([^"]+\.png)"', text_of(page))
    }
    assert named == set((ROOT / "docs" / "images").iterdir())
    for picture in named:
        size = struct.unpack(">II", picture.read_bytes()[16:24])
        assert size == ((390, 844) if "-phone-" in picture.name else (1280, 800)), picture.name


def test_the_picture_is_a_leaderboard() -> None:
    picture = (ROOT / "docs" / "leaderboard.svg").read_text(encoding="utf-8")
    assert picture.startswith("<svg")
    assert "uniform" in picture
    assert "★" in picture or "&#9733;" in picture


def test_nothing_is_left_to_fill_in() -> None:
    for page in PAGES:
        assert not re.search(r"\b(TODO|TBD|FIXME|XXX)\b", text_of(page)), page.name


def test_the_history_in_the_guide_is_drawn_as_the_command_draws_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "localtime", time.gmtime)
    tested = {"llr": 3.91, "llr_bounds": [-2.94, 2.94], "games": 80, "regression": {"snapshots": 7}}
    second, third = f"54e0ff9c2995{'0' * 52}", f"23e9caeacd24{'0' * 52}"
    better = "stronger than main-0007: Elo +137 (+66 to +221)"
    back: dict[str, Any] = {"how": "rollback", "reason": "rollback", "against": "main-0003", "pinned": True}
    forced: dict[str, Any] = {"how": "forced", "reason": "for beginners", "pinned": True}
    tried: dict[str, Any] = {"how": "automatic", "reason": better, "evidence": tested}
    at_s = 1_795_428_734.0  # 2026-11-23 10:12:14 UTC
    history = [
        Promotion(policy="main-0008", digest=third, by="anna", promoted_s=at_s, **back),
        Promotion(policy="main-0003", digest=second, by="anna", promoted_s=at_s - 1, **forced),
        Promotion(policy="main-0008", digest=third, by="coordinator", promoted_s=at_s - 100, **tried),
    ]
    print_parts([tabulate(history, HISTORY)])
    assert capsys.readouterr().out in (ROOT / "docs" / "guide.md").read_text(encoding="utf-8")
