"""A folder of `league export`, as a repository on the Hugging Face hub."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from league.errors import HubError, MissingExtraError
from league.interfaces.hub.folder import MANIFEST, Manifest
from league.interfaces.hub.markup import one_line

if TYPE_CHECKING:
    from huggingface_hub import HfApi

TOKEN: Final = "HF_TOKEN"  # noqa: S105
"""The environment variable that holds the token."""
REPOSITORY: Final = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,95}/[A-Za-z0-9][A-Za-z0-9_.-]{0,95}"
NEW: Final = frozenset({".gitattributes", "README.md"})
"""What the hub itself puts into a new repository."""
REFUSALS: Final = {
    401: f"the hub does not know this token: {TOKEN} has to hold one of https://huggingface.co/settings/tokens",
    402: "the hub wants a paid plan for a {kind}; static Spaces are free: "
    "league export POLICY --format space --sdk static",
    403: "this token may not write there: make one with write access at https://huggingface.co/settings/tokens",
}


@dataclass(frozen=True, kw_only=True)
class Published:
    """What became of a folder."""

    url: str
    """Of the repository, for people."""
    commit: str
    """Of the files, as a URL."""
    new: bool
    """Whether the repository was made just now."""
    deleted: tuple[str, ...]
    """Files of an earlier version that this one does not have."""


def check_repository(repository: str) -> None:
    """Raise `HubError` for what is no `USER/NAME`."""
    if not re.fullmatch(REPOSITORY, repository):
        raise HubError(f"--repo {one_line(repository)}: must be USER/NAME, of letters, digits, '-', '_' and '.'")


def publish(
    manifest: Manifest, files: Mapping[str, Path], repository: str, *, private: bool, environment: Mapping[str, str]
) -> Published:
    """Make the repository if it is not there, and bring these files into it in one commit: no others remain.

    `environment` holds the token, and in `HF_ENDPOINT` the address of another hub than the public one.
    Large files go by Git LFS, as the hub asks. Raises `MissingExtraError`, or `HubError` with one line: no token, no
    right, no answer, or a repository that `league publish` has not made.
    """
    check_repository(repository)
    token = environment.get(TOKEN, "").strip()
    if not token:
        raise HubError(f"no token: {TOKEN} in the environment has to hold one with write access to {repository}")
    if not re.fullmatch(r"[!-~]+", token):  # Said here, as whoever sends it would print it.
        raise HubError(f"no token: {TOKEN} holds blanks, or letters that no token has")
    api = _api(token, environment.get("HF_ENDPOINT"))
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    kind = f"{manifest.sdk} Space" if manifest.kind == "space" else "model repository"
    with _refusals(f"{repository}: {{}}", kind):
        there = _files_there(api, repository, manifest)
        if there is None:
            api.create_repo(repository, repo_type=manifest.kind, space_sdk=manifest.sdk, private=private or None)
        gone = sorted((there or frozenset()) - files.keys())
        added = [CommitOperationAdd(name, str(path)) for name, path in files.items()]
        commit = api.create_commit(
            repository,
            [*added, *(CommitOperationDelete(name) for name in gone)],
            commit_message=f"league publish: {one_line(manifest.policy)}",
            repo_type=manifest.kind,
        )
    path = f"spaces/{repository}" if manifest.kind == "space" else repository
    return Published(
        url=f"{api.endpoint}/{path}", commit=str(commit.commit_url), new=there is None, deleted=tuple(gone)
    )


def _api(token: str, endpoint: str | None) -> HfApi:
    # Files go by LFS, as .gitattributes says, and nothing but what we print is printed.
    os.environ.setdefault("HF_HUB_VERBOSITY", "error")
    try:
        import huggingface_hub
        from huggingface_hub import constants
        from huggingface_hub.utils.tqdm import disable_progress_bars
    except ImportError as error:
        raise MissingExtraError("huggingface_hub", "hub") from error
    constants.HF_HUB_DISABLE_XET = True  # Whoever imported it first has read the environment already.
    disable_progress_bars()
    return huggingface_hub.HfApi(token=token, endpoint=endpoint)


def _files_there(api: HfApi, repository: str, manifest: Manifest) -> frozenset[str] | None:
    """Names of the files in a repository of ours; None if there is no repository. Raises `HubError` for another's."""
    from huggingface_hub.errors import HfHubHTTPError

    try:
        found: Any = api.repo_info(repository, repo_type=manifest.kind)
    except HfHubHTTPError as error:
        if error.response is not None and error.response.status_code == 404:
            return None
        raise
    names = frozenset(one.rfilename for one in found.siblings or ())
    if MANIFEST not in names and (not names <= NEW or found.siblings is None):
        raise HubError(f"it exists, and league publish has not made it: it holds no {MANIFEST}; give another --repo")
    sdk = getattr(found, "sdk", None)
    if sdk is not None and sdk != manifest.sdk:
        raise HubError(f"it is a {one_line(sdk)} Space, and the folder a {manifest.sdk} one; give another --repo")
    return names


@contextmanager
def _refusals(said: str, kind: str) -> Iterator[None]:
    """Say in one line, put into `said`, what the hub or the way to it refuses."""
    from huggingface_hub.errors import HfHubHTTPError

    transport = next(base for base in HfHubHTTPError.__mro__ if base.__name__ == "HTTPError")
    try:
        yield
    except HubError as error:
        raise HubError(said.format(error)) from None
    except Exception as error:
        answer = next((one for one in _causes(error) if isinstance(one, HfHubHTTPError)), None)
        if answer is not None and answer.response is not None:
            status = answer.response.status_code
            words = f"the hub answered {status}: {one_line(answer.server_message or answer.response.reason_phrase)}"
            refusal = REFUSALS[status].format(kind=kind) if status in REFUSALS else words
            raise HubError(said.format(refusal)) from error
        if not isinstance(error, (transport, OSError, ValueError, RuntimeError)):
            raise
        first = list(_causes(error))[-1]
        what = "the hub cannot be reached" if isinstance(first, (transport, OSError)) else "nothing was published"
        reason = one_line(" ".join(str(first).split()) or type(first).__name__)
        raise HubError(said.format(f"{what}: {reason}")) from error


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error, and those that it came from."""
    found: BaseException | None = error
    while found is not None:
        yield found
        found = found.__cause__ or found.__context__
