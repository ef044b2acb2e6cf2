"""Finding the module of a PettingZoo AEC environment, and the function in it that builds one."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import warnings
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple, Protocol

from league.errors import GameError, LeagueError, MissingExtraError, UnknownGameError, nearest
from league.foreign import blame, raised_at
from league.games.bubble import raised_by_environment
from league.games.builtin import BUILTIN

CLASSIC = "pettingzoo.classic"


class AecEnv(Protocol):
    """What is used of `pettingzoo.AECEnv`."""

    metadata: dict[str, Any]
    possible_agents: list[str]
    agents: list[str]
    agent_selection: str
    rewards: dict[str, float]
    terminations: dict[str, bool]
    truncations: dict[str, bool]
    infos: dict[str, dict[str, Any]]

    def reset(self, seed: int | None = None) -> None:
        """Start a new game, whose chance `seed` fixes."""

    def step(self, action: int | None) -> None:
        """Play for `agent_selection`; a seat that is done plays None."""

    def observe(self, agent: str) -> Any:
        """What a seat sees of the present position."""

    def observation_space(self, agent: str) -> Any:
        """The gymnasium space of `observe`."""

    def action_space(self, agent: str) -> Any:
        """The gymnasium space of `step`."""

    def close(self) -> None:
        """Let go of what it holds."""

    def render(self) -> Any:
        """The board, as text in render mode `ansi`."""


class _Classic(NamedTuple):
    description: str
    packages: tuple[str, ...] = ("pygame",)
    perfect_information: bool = False


_CLASSIC_GAMES = {  # by name without the version
    "chess": _Classic("Chess", ("chess", "pygame"), perfect_information=True),
    "connect_four": _Classic("Connect Four, the slow original of connect_four", perfect_information=True),
    "go": _Classic("Go on 19x19", perfect_information=True),
    "hanabi": _Classic("Hanabi, two seats that play together", ("shimmy", "pyspiel")),
    "leduc_holdem": _Classic("Leduc hold'em", ("rlcard", "pygame")),
    "rps": _Classic("Rock, paper, scissors"),
    "texas_holdem": _Classic("Texas hold'em, fixed limit", ("rlcard", "pygame")),
    "texas_holdem_no_limit": _Classic("Texas hold'em, no limit", ("rlcard", "pygame")),
    "tictactoe": _Classic("Tic-tac-toe, the slow original of tic_tac_toe", perfect_information=True),
}
_DISTRIBUTIONS = {"pyspiel": "open_spiel"}  # where it is not named as the module is


def classic_games() -> Iterator[tuple[str, str, bool]]:
    """Name, description and whether its packages are installed, of each classic environment of this PettingZoo."""
    for name in _classic_names():
        known = _CLASSIC_GAMES.get(_unversioned(name), _Classic("PettingZoo classic"))
        yield name, known.description, all(find_spec(package) is not None for package in known.packages)


def is_perfect_information(name: str) -> bool:
    """Whether a full name, from `full_name`, is known to have neither chance nor hidden cards."""
    package, _, module = name.rpartition(".")
    return package == CLASSIC and _CLASSIC_GAMES.get(_unversioned(module), _Classic("")).perfect_information


def full_name(name: str) -> str:
    """Put `pettingzoo.classic.` before the short name of a classic environment; other names stay."""
    return f"{CLASSIC}.{name}" if name in _classic_names() else name


def find_factory(name: str) -> Callable[..., AecEnv]:
    """Import `module` or `module:function` and return the function that builds an environment.

    Without a function it is `env`, or `raw_env` or `parallel_env` where there is none. Raises `UnknownGameError`,
    `MissingExtraError` for a classic environment without its packages, or `GameError` if the module is there and
    unusable.
    """
    module_name, colon, attribute = name.partition(":")
    parts = [*module_name.split("."), *([attribute] if colon else [])]
    if not all(part.isidentifier() for part in parts):
        raise _unknown(name)
    module = _import(name, module_name)
    for candidate in [attribute] if colon else ["env", "raw_env", "parallel_env"]:
        factory = getattr(module, candidate, None)
        if callable(factory):
            return factory  # type: ignore[no-any-return]
    there = [
        word for word, one in vars(module).items() if callable(one) and getattr(one, "__module__", "") == module_name
    ]
    hint = ""
    if colon:
        hint = nearest(attribute, there)
    elif there:
        hint = f"; give a function or class of it, such as {module_name}:{there[0]}"
    raise GameError(f"{module_name} has no {attribute or 'env'}() that builds a PettingZoo environment{hint}")


def build(name: str, factory: Callable[..., Any], **options: Any) -> AecEnv:
    """Call a factory; of a parallel environment the seats move in turn, and see nothing of each other's moves.

    Raises `MissingExtraError` or `GameError` in place of whatever the factory raises.
    """
    _check_arguments(name, factory, options)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Of the environment's author, not of who plays it.
            env = factory(**options)
            if _is_parallel(env):
                from pettingzoo.utils.conversions import parallel_to_aec

                env = parallel_to_aec(env)
    except ImportError as error:
        raise _not_importable(name, error) from error
    except BaseException as error:  # a user's code may raise anything
        if not raised_by_environment(error):
            raise
        raise GameError(f"{name} cannot be built: {blame(error)}") from error
    if not callable(getattr(env, "agent_iter", None)):
        raise GameError(f"{name} builds a {type(env).__name__}, not a PettingZoo environment")
    return env  # type: ignore[no-any-return]


def _is_parallel(env: Any) -> bool:
    return not callable(getattr(env, "agent_iter", None)) and all(
        hasattr(env, what) for what in ("possible_agents", "reset", "step", "action_space")
    )


def _check_arguments(name: str, factory: Callable[..., Any], options: dict[str, Any]) -> None:
    """Raise `GameError` for a function that needs arguments, with the way out."""
    try:
        signature = inspect.signature(factory)
    except (TypeError, ValueError):  # Not written in Python.
        return
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    needed = [
        one.name
        for one in signature.parameters.values()
        if one.kind in kinds and one.default is one.empty and one.name not in options
    ]
    if needed:
        module, _, function = name.partition(":")
        given = ", ".join(f"{one}=..." for one in needed)
        raise GameError(
            f"{name} needs arguments ({', '.join(needed)}): give --game a function without any, such as "
            f"my_game:small in a my_game.py with `def small(): return {module}.{function or 'env'}({given})`"
        )


def _import(name: str, module_name: str) -> ModuleType:
    try:
        with warnings.catch_warnings():
            # PettingZoo deprecates importing an environment's module in favour of a registry of its own.
            warnings.simplefilter("ignore", DeprecationWarning)
            return importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if missing != "pettingzoo" and f"{module_name}.".startswith(f"{missing}."):
            raise _unknown(name) from None
        raise _not_importable(name, error) from error
    except ImportError as error:
        raise _not_importable(name, error) from error
    except BaseException as error:  # a user's code may raise anything
        if not raised_by_environment(error):
            raise
        raise GameError(f"{name} cannot be imported: {blame(error)}") from error


def _not_importable(name: str, error: ImportError) -> LeagueError:
    """The package that is missing at the root of an import error, if one is."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ModuleNotFoundError) and cause.name:
            package = cause.name.partition(".")[0]
            package = _DISTRIBUTIONS.get(package, package)
            if name.startswith(f"{CLASSIC}."):
                return MissingExtraError(package, "classic")
            return GameError(f"{name} needs {package}, which is not installed ({raised_at(error)})")
        cause = cause.__cause__ or cause.__context__
    return GameError(f"{name} cannot be imported: {blame(error)}")


def _unknown(name: str) -> UnknownGameError:
    short = list(_classic_names())
    known = [*BUILTIN, *short, *(f"{CLASSIC}.{one}" for one in short)]
    there = f"there are: {', '.join([*BUILTIN, *short])}, or the dotted module of a PettingZoo environment"
    file, colon, attribute = name.partition(":")
    path = Path(file)
    if path.suffix == ".py" or len(path.parts) > 1:
        folder = "" if path.parent == Path() else f", in the folder {path.parent} or with it in PYTHONPATH"
        right = f"{path.stem}{colon}{attribute}"
        return UnknownGameError(f"no game {name!r}: give the module's name, --game {right}{folder} ({there})")
    own = ""
    if name and not nearest(name, known):
        own = f"; a module of your own is looked for in {Path.cwd()} and along PYTHONPATH"
    return UnknownGameError(f"no game {name!r}{nearest(name, known)}{own} ({there})")


def _classic_names() -> tuple[str, ...]:
    try:
        found = find_spec(CLASSIC)
    except ModuleNotFoundError:
        return ()
    folders = found.submodule_search_locations if found else None
    names = (module.name for module in pkgutil.iter_modules(folders or []))
    return tuple(name for name in names if _unversioned(name) != name)


def _unversioned(name: str) -> str:
    stem, _, version = name.rpartition("_v")
    return stem if stem and version.isdigit() else name
