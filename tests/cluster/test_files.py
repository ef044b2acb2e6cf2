"""The cluster files and the Dockerfile, checked without a cloud."""

import ast
import importlib.util
import os
import re
import runpy
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Callable, Iterator
from fnmatch import fnmatch
from importlib import import_module
from importlib.metadata import packages_distributions, version
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import ray
import yaml
from packaging.specifiers import Specifier
from packaging.utils import canonicalize_name
from ray.autoscaler._private.util import prepare_config, validate_config
from ray.autoscaler.node_provider import NodeProvider
from typer.main import get_command

from league.interfaces.cli.app import app
from league.view.dashboards import LEAGUE_UID
from tests.cluster.rehearsal import MOUNTED, rehearse

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "cluster").glob("*.yaml"))
CLOUDS = [file for file in FILES if file.stem != "local"]


def read(file: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(file.read_text())
    return loaded


def commands(config: dict[str, Any]) -> list[str]:
    return [*config["head_start_ray_commands"], *config["worker_start_ray_commands"]]


def images(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            if key in ("image", "head_image", "worker_image", "sourceImage"):
                yield item
            else:
                yield from images(item)
    elif isinstance(value, list):
        for item in value:
            yield from images(item)


Ran = Callable[..., dict[str, dict[str, str]]]
Started = Callable[[Path, bool], dict[str, dict[str, str]]]


@pytest.fixture
def ran(tmp_path: Path) -> Ran:
    """Run a command as on a node, where Ray, the league and what keeps it running only note how they are called.

    Returns the arguments and the environment of each, in the order of their calls.
    """
    programs, notes = tmp_path / "bin", tmp_path / "notes"
    programs.mkdir()
    (programs / "league-node").symlink_to(ROOT / "cluster" / "node.sh")
    note = 'echo "arguments=$*" > {0}/new; env >> {0}/new; mv {0}/new {0}/{1}'
    scripts = {name: note.format(notes, name) for name in ("supervisord", "ray")}
    scripts["supervisorctl"] = '[ "$3" = start ]'
    for name, script in scripts.items():
        (programs / name).write_text(f"#!/bin/sh\n{script}\n")
        (programs / name).chmod(0o755)
    path = os.pathsep.join([str(programs), str(Path(sys.executable).parent), os.environ["PATH"]])

    def run(command: str, **environment: str) -> dict[str, dict[str, str]]:
        shutil.rmtree(notes, ignore_errors=True)
        notes.mkdir()
        subprocess.run(["bash", "-c", command], env={"PATH": path, **environment}, check=True, timeout=60)
        called = sorted(notes.iterdir(), key=lambda note: note.stat().st_mtime_ns)
        return {note.name: dict(re.findall(r"^(\w+)=(.*)$", note.read_text(), re.MULTILINE)) for note in called}

    return run


@pytest.fixture
def started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ran: Ran) -> Started:
    """Let Ray set up a node, as head or not, and run there what it would run last in the container.

    The container has the files and the environment that Ray gives it, in a folder that stands for its root.
    """
    person, root = tmp_path / "person", tmp_path / "root"
    monkeypatch.setenv("HOME", str(person))
    monkeypatch.setenv("RAY_UP_enable_autoscaler_v2", "0")
    for folder in (".league", ".ssh"):
        (person / folder).mkdir(parents=True)
    (person / ".ssh" / "id_ed25519").write_text("not a key")
    names = ("LEAGUE_REDIS_PASSWORD", "LEAGUE_READER_PASSWORD", "RAY_AUTH_TOKEN")
    (person / ".league" / "cluster.env").write_text("".join(f"{name}=of-{name}\n" for name in names))

    def start(file: Path, as_head: bool) -> dict[str, dict[str, str]]:
        rehearsal = rehearse(file, as_head)
        options = rehearsal.container(tmp_path / "host")
        for volume in options["--volume"]:
            there, here = volume.split(":")
            inside = root / here.lstrip("/")
            if there.startswith(MOUNTED):
                shutil.copytree(rehearsal.copied[f"{there}/"], inside, dirs_exist_ok=True)
            else:
                inside.mkdir(parents=True, exist_ok=True)
        environment = dict(one.split("=", 1) for one in [*rehearsal.environment, *options["--env"]])
        environment["HOME"] = f"{root}{rehearsal.home}"
        return ran(rehearsal.in_container[-1], **environment, LEAGUE_DATA=f"{root}/data")

    return start


def test_there_is_a_file_for_each_place() -> None:
    assert [file.name for file in FILES] == ["cluster.yaml", "gcp.yaml", "local.yaml", "on-prem.yaml"]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_passes_rays_own_validation(file: Path) -> None:
    validate_config(prepare_config(read(file)))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_holds_no_secret_and_no_image_that_moves(file: Path) -> None:
    text = "\n".join(line.partition("# ")[0] for line in file.read_text().splitlines())
    assert not re.search(r"(?i)(password|token|secret|access_key)\s*[:=]\s*(?!token\b)\S", text)
    assert not re.search(r"AKIA[0-9A-Z]{16}|BEGIN [A-Z ]*PRIVATE KEY|redis://[^/\s]*@", text)
    for image in images(read(file)):
        assert re.search(r":\d+\.\d+\.\d+$|-v\d{8}$", image), f"{image} is not pinned"
        assert "latest" not in image


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_command_is_shell_and_ray_has_a_token_and_its_own_port(file: Path, ran: Ran, started: Started) -> None:
    config = read(file)
    for command in commands(config):
        subprocess.run(["bash", "-n", "-c", command], check=True)
    head, worker = (
        next(c for c in config[f"{who}_start_ray_commands"] if "ray start" in c) for who in ("head", "worker")
    )
    assert "--autoscaling-config=~/ray_bootstrap_config.yaml" in head
    assert "--dashboard-host=127.0.0.1" in head
    assert "127.0.0.1" not in worker
    run = (
        (lambda as_head: started(file, as_head))
        if file in CLOUDS
        else (lambda as_head: ran(head if as_head else worker))
    )
    assert run(False)["ray"]["RAY_AUTH_MODE"] == "token"
    environment = run(True)["ray"]
    assert environment["RAY_AUTH_MODE"] == "token"
    assert int(environment["RAY_JOB_STOP_WAIT_TIME_S"]) >= 60, "ray job stop would kill a league after three seconds"
    assert environment["RAY_GRAFANA_DATA_DASHBOARD_UID"] == LEAGUE_UID


@pytest.mark.parametrize("file", CLOUDS, ids=lambda file: file.stem)
def test_a_cloud_has_a_store_beside_ray_and_a_head_that_does_not_train(file: Path, started: Started) -> None:
    config = read(file)
    head = started(file, True)
    assert list(head) == ["supervisord", "ray"]
    # Every actor is told the head's LEAGUE_STORE, so it must be an address that other nodes reach: Ray's own. In a
    # fresh process, as tests before this one may have told Ray in this one to stay on loopback.
    program = [sys.executable, "-c", "import ray.util; print(ray.util.get_node_ip_address())"]
    address = subprocess.run(program, env={}, check=True, capture_output=True, text=True).stdout.strip()
    store = f"redis://{address}:6380/0"
    assert head["ray"]["LEAGUE_STORE"] == head["supervisord"]["LEAGUE_STORE"] == store
    assert "redis://" not in file.read_text()
    worker = started(file, False)
    assert list(worker) == ["ray"]
    assert worker["ray"]["arguments"] == "start --address=192.0.2.10:6379 --disable-usage-stats"
    for called in (head["supervisord"], head["ray"], worker["ray"]):
        assert called["LEAGUE_REDIS_USERNAME"] == "league"
        assert called["LEAGUE_REDIS_PASSWORD"] == "of-LEAGUE_REDIS_PASSWORD"
        assert called["RAY_AUTH_TOKEN"] == "of-RAY_AUTH_TOKEN"
    assert head["supervisord"]["LEAGUE_READER_PASSWORD"] == "of-LEAGUE_READER_PASSWORD"
    assert "LEAGUE_READER_PASSWORD" not in head["ray"] | worker["ray"]
    if config["provider"]["type"] == "local":
        assert "--num-cpus=0 --num-gpus=0" in head["ray"]["arguments"]
        assert len(config["provider"]["worker_ips"]) == config["max_workers"] == config["min_workers"]
        return
    types = config["available_node_types"]
    assert types["head"]["resources"] == {"CPU": 0}
    assert types["gpu"]["resources"]["GPU"] >= 1
    assert "GPU" not in types["cpu"]["resources"]
    assert all(types[kind]["min_workers"] == 0 for kind in ("gpu", "cpu"))
    assert (
        "spot" in str(types["cpu"]["node_config"]) or {"preemptible": True} in types["cpu"]["node_config"]["scheduling"]
    )


@pytest.mark.parametrize("as_head", [True, False], ids=["head", "worker"])
@pytest.mark.parametrize("file", CLOUDS, ids=lambda file: file.stem)
@pytest.mark.usefixtures("started")
def test_a_container_is_of_whoever_logs_in(file: Path, as_head: bool) -> None:
    """Its user may read the secrets and write the data, whatever the uid, and has no rights beside."""
    rehearsal = rehearse(file, as_head)
    home = "/home/somebody"
    options = rehearsal.container(Path(home))
    assert options["--user"] == [f"{os.getuid()}:0"]
    assert options["--volume"] == [f"{MOUNTED}~/.league:/home/league/.league", f"{home}/league-data:/data"]
    assert options["--cap-drop"] == ["ALL"]
    assert options["--security-opt"] == ["no-new-privileges"]
    assert "--privileged" not in options
    assert "--ulimit" not in options, "Docker refuses what is more than the machine allows"
    (shared,) = options["--shm-size"]
    memory_kb = int(Path("/proc/meminfo").read_text().split()[1])
    assert int(shared.removesuffix("k")) > 0.3 * memory_kb / 0.95, "Ray would keep its objects in /tmp"
    before = rehearsal.on_host[: next(n for n, command in enumerate(rehearsal.on_host) if "docker pull" in command)]
    assert "mkdir -p -m 700 ~/league-data" in before
    assert any("may not use Docker" in command for command in before)
    assert "of-" not in " ".join([*rehearsal.on_host, *rehearsal.in_container])


@pytest.mark.parametrize("file", CLOUDS, ids=lambda file: file.stem)
def test_containers_get_the_gpus_of_their_nodes(file: Path) -> None:
    """Ray gives them NVIDIA's runtime, which hands over nothing that was not asked for."""
    docker = (config := read(file))["docker"]
    assert not docker.get("head_run_options")
    asked = "--env NVIDIA_VISIBLE_DEVICES=all"  # Also right on a machine without a GPU.
    if config["provider"]["type"] != "local":
        assert not docker.get("worker_run_options"), "nodes without GPUs could not start"
        docker, asked = docker | config["available_node_types"]["gpu"]["docker"], "--gpus all"
    assert asked in docker["worker_run_options"]
    assert docker["worker_image"].startswith("registry.example/league-gpu:")


def test_the_local_cluster_ends_no_other_ray() -> None:
    config = read(ROOT / "cluster" / "local.yaml")
    assert not any("ray stop" in command for command in commands(config))
    module, _, name = config["provider"]["module"].rpartition(".")
    assert issubclass(getattr(import_module(module), name), NodeProvider)


def instructions() -> list[tuple[str, str]]:
    text = re.sub(r"\\\n", " ", (ROOT / "Dockerfile").read_text())
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(line.split()[0], line.partition(" ")[2].strip()) for line in lines]


def test_the_image_is_pinned_and_runs_without_rights() -> None:
    steps = instructions()
    bases = [value.split()[0] for step, value in steps if step == "FROM"]
    assert bases
    assert all(re.fullmatch(r"python:3\.\d+\.\d+-slim-\w+", base) for base in bases), bases
    users = [value for step, value in steps if step == "USER"]
    assert users[-1] == "1000:0"
    assert [step for step, _ in steps].index("USER") > max(i for i, (step, _) in enumerate(steps) if step == "RUN")
    assert not any(step == "ADD" or "sudo" in value or "curl" in value for step, value in steps)
    assert not any(re.search(r"(?i)password|token|secret", value) for step, value in steps if step in ("ENV", "ARG"))
    for step, value in steps:
        if step == "RUN" and "pip install" in value:
            assert "--no-cache-dir" in value
        if step == "RUN" and "apt-get install" in value:
            assert "--no-install-recommends" in value
            assert "rm -rf /var/lib/apt/lists" in value
        for source in value.split()[:-1] if step == "COPY" and "--from" not in value else ():
            assert (ROOT / source).exists(), source


def test_the_image_agrees_with_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    base = next(value for step, value in instructions() if step == "FROM")
    python = re.search(r"python:(\d+\.\d+)\.", base)
    assert python is not None
    assert f"Programming Language :: Python :: {python[1]}" in project["classifiers"]
    for file in CLOUDS:
        assert {image.rpartition(":")[2] for image in images(read(file)) if "registry" in image} == {project["version"]}
    assert project["version"] == version("selfplay-league")


@pytest.fixture(scope="module")
def constraints() -> SimpleNamespace:
    """The script, `cluster/constraints.py`."""
    return SimpleNamespace(**runpy.run_path(str(ROOT / "cluster" / "constraints.py")))


def test_every_package_of_the_image_and_of_the_tests_has_one_version_that_fits(constraints: SimpleNamespace) -> None:
    """`python cluster/constraints.py` writes them."""
    here = f"python:{sys.version_info.major}.{sys.version_info.minor}."
    if sys.platform != "linux" or not any(step == "FROM" and value.startswith(here) for step, value in instructions()):
        pytest.skip("the image has another Python, for which packages may need others")
    pinned: dict[str, str] = {}
    for line in constraints.FILE.read_text().splitlines():
        if not line.startswith("#"):
            name, _, pinned[name] = line.partition("==")
    assert pinned["ray"] == ray.__version__
    for step, value in instructions():
        if step == "RUN" and "pip install" in value:
            assert "--constraint constraints.txt" in value
    every = constraints.everything()
    for name, extras in {"selfplay-league": set(every), **constraints.closure(every)}.items():
        same = name in pinned and Specifier(f"=={pinned[name]}").contains(version(name))
        if name != "selfplay-league" and not same:
            continue  # Another version than in the image may need something else, which the image may not have.
        for one in constraints.requirements(name, extras):
            assert one.specifier.contains(pinned[canonicalize_name(one.name)], prereleases=True), f"{name}: {one}"


def admitted(path: str) -> bool:
    """Whether `.dockerignore` lets a file through: its last line that speaks of it decides."""
    found = True
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        pattern = line.removeprefix("!").removeprefix("**/")
        parts = Path(path).parts
        places = parts if "**/" in line else ["/".join(parts[: n + 1]) for n in range(len(parts))]
        if any(fnmatch(place, pattern) for place in places):
            found = line.startswith("!")
    return found


def test_the_package_builds_from_what_the_image_gets(tmp_path: Path) -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    context, build = [path for path in tracked if admitted(path)], tmp_path / "build"
    for step, value in instructions():
        if step != "COPY" or "--from" in value:
            continue
        *sources, to = value.split()
        for source in sources:
            found = [path for path in context if path == source or path.startswith(f"{source}/")]
            assert found, f"{source}: not among the files that .dockerignore lets through"
            for path in found if not to.startswith("/") else ():
                (build / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(ROOT / path, build / (path if to in ("./", source) else to))
    script = "import sys; from poetry.core.masonry.api import build_wheel; print(build_wheel(sys.argv[1]))"
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], cwd=build, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(tmp_path / done.stdout.strip()) as wheel:
        names = set(wheel.namelist())
    assert {"league/config/learner.py", "league/interfaces/k8s/manifests/gpu.yaml"} <= names
    assert any(name.startswith("league/dashboards/grafana/") for name in names)


def entries() -> set[str]:
    """Our modules that containers and nodes run: of the commands there, and of the application that serves."""
    scripts = (ROOT / "cluster" / name for name in ("node.sh", "services.conf"))
    files = [*FILES, *scripts, *(ROOT / "k8s").rglob("*.yaml")]
    text = "\n".join(re.sub(r"(^|\s)#.*", "", path.read_text(), flags=re.MULTILINE) for path in files)
    found = set(re.findall(r"import_path: ([\w.]+):", text))
    known: Any = get_command(app)
    for name in set(re.findall(r"\bleague[, ]+(\w+)", text)) & set(known.commands):
        command = known.commands[name]
        commands = getattr(command, "commands", {name: command})
        found |= {one.callback.__module__ for one in commands.values()}
    return found


def test_the_image_has_all_that_it_runs(constraints: SimpleNamespace) -> None:
    installed = {canonicalize_name(name) for name in constraints.closure(constraints.extras())}
    names = packages_distributions()
    started = entries()
    assert started >= {"league.interfaces.serve", "league.interfaces.cli.k8s", "league.interfaces.cli.train"}
    solver = {"bitbully", "bitbully-databases"}  # For whoever installs it: a line says so where it is missing.
    for entry in started:
        for package, module in imported(entry).items():
            found = {canonicalize_name(name) for name in names[package]}
            assert found & (installed | solver), f"{entry}: {module} imports {package}"
    games = re.findall(r"--game (\w+)", (ROOT / "docs" / "operations.md").read_text())
    for game in games:
        if importlib.util.find_spec(f"pettingzoo.classic.{game}") is not None:
            assert "classic" in constraints.extras(), f"docs/operations.md: --game {game}"
    assert "chess_v6" in games


def imported(entry: str) -> dict[str, str]:
    """Packages of others that a module of ours imports, now or later, itself or through ours; and which module does."""
    found: dict[str, str] = {}
    seen: set[Path] = set()
    waiting = [entry]
    while waiting:
        name = waiting.pop()
        place = source(name) or source(name.rpartition(".")[0])
        assert place is not None, name
        if place in seen:
            continue
        seen.add(place)
        for node in ast.walk(ast.parse(place.read_text())):
            match node:
                case ast.Import(names=names):
                    modules = [one.name for one in names]
                case ast.ImportFrom(module=str(module), names=names):
                    modules = [f"{module}.{one.name}" for one in names]
                case _:
                    continue
            waiting += [one for one in modules if one.startswith("league.")]
            tops = {one.partition(".")[0] for one in modules} - {"league"} - sys.stdlib_module_names
            found |= dict.fromkeys(tops - found.keys(), name)
    return found


def source(module: str) -> Path | None:
    """The file of one of our modules."""
    place = ROOT / module.replace(".", "/")
    return next((file for file in (place.with_suffix(".py"), place / "__init__.py") if file.is_file()), None)


@pytest.mark.skipif(shutil.which("hadolint") is None, reason="hadolint is not installed")
def test_hadolint_finds_nothing() -> None:
    subprocess.run(["hadolint", str(ROOT / "Dockerfile")], check=True)
