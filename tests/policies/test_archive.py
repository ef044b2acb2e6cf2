"""Archives of policies: what goes in comes out, and nothing else is let in."""

import gzip
import io
import json
import stat
import tarfile
import time
import zipfile
from dataclasses import replace

import pytest
import torch

from league.config import NetworkConfig
from league.errors import ArchiveError
from league.games import game_spec
from league.ladder.ratings import Rating
from league.ladder.records import Snapshot
from league.policies import archive
from league.policies.archive import Manifest, kind_of, read, write
from league.policies.weights import digest, fresh, pack

NETWORK = NetworkConfig(kind="mlp", hidden=(8,))
KINDS = {"folder": "some", "tar": "some.tar", "tar.gz": "some.tar.gz", "zip": "some.zip"}


@pytest.fixture(scope="module")
def spec():
    return game_spec("tic_tac_toe")


@pytest.fixture(scope="module")
def weights(spec):
    return [pack(fresh(spec, NETWORK, seed)) for seed in range(3)]


@pytest.fixture(scope="module")
def manifest(spec, weights):
    snapshots = tuple(
        Snapshot(
            name=f"main-{number:04d}",
            digest=digest(data),
            learner="main",
            steps=1000 * number,
            created_s=0.1 + number,
            bytes=len(data),
            parent=f"main-{number - 1:04d}" if number else None,
        )
        for number, data in enumerate(weights)
    )
    return Manifest.of("source", spec, snapshots, {"main-0001": Rating(mu=0.1 + 0.2, sigma=1.5, games=40)})


@pytest.fixture
def members(manifest, weights):
    """The files of an archive, by name, to be tampered with."""
    files = {"pool.json": json.dumps(manifest.to_json()).encode()}
    return files | {f"{digest(data)}.safetensors": data for data in weights}


def put(path, files):
    """Write files as an archive, whatever their names."""
    kind = kind_of(path)
    if kind == "folder":
        for name, data in files.items():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_bytes(data)
    elif kind == "zip":
        with zipfile.ZipFile(path, "w") as packed:
            for name, data in files.items():
                packed.writestr(name, data)
    else:
        with tarfile.open(path, "w:gz" if kind == "tar.gz" else "w") as tar:
            for name, data in files.items():
                member = tarfile.TarInfo(name)
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))
    return path


def changed(manifest, **fields):
    """The bytes of a `pool.json` with some fields, or some fields of its second snapshot, changed."""
    data = manifest.to_json()
    if not fields.keys() & data.keys():
        data["snapshots"][1].update(fields)
    else:
        data.update(fields)
    return json.dumps(data).encode()


def refusal(path, spec):
    """The one line with which an archive is refused."""
    with pytest.raises(ArchiveError) as caught:
        read(path, spec)
    text = str(caught.value)
    assert "\n" not in text
    assert text.startswith(str(path))
    assert text.endswith("nothing was imported")
    return text


@pytest.mark.parametrize("name", ["pool.tar", "pool.tar.gz", "a.TGZ", "pool.zip", "pool", "pool.v2"])
def test_the_name_says_what_it_is(tmp_path, name):
    kinds = {"pool.tar": "tar", "pool.tar.gz": "tar.gz", "a.TGZ": "tar.gz", "pool.zip": "zip"}
    assert kind_of(tmp_path / name) == kinds.get(name, "folder")


@pytest.mark.parametrize("kind", KINDS)
def test_round_trip(tmp_path, spec, manifest, weights, kind):
    path = tmp_path / KINDS[kind]
    write(path, kind, manifest, iter(weights))
    found, data = read(path, spec)
    assert found == manifest
    assert list(data.values()) == weights
    assert [digest(one) for one in weights] == list(data)


def test_the_files_are_as_documented(tmp_path, manifest, weights):
    write(tmp_path / "some", "folder", manifest, weights)
    assert {path.name for path in (tmp_path / "some").iterdir()} == {"pool.json"} | {
        f"{digest(data)}.safetensors" for data in weights
    }
    written = json.loads((tmp_path / "some" / "pool.json").read_text())
    assert written["format"] == 1
    assert written["game"] == "tic_tac_toe"
    assert written["snapshots"][1]["sha256"] == digest(weights[1])
    assert written["snapshots"][1]["rating"] == {"mu": 0.1 + 0.2, "sigma": 1.5, "games": 40}
    assert written["snapshots"][0]["rating"] is None


def test_equal_weights_are_one_file(tmp_path, spec, manifest, weights):
    twin = replace(manifest.snapshots[0], name="twin")
    write(tmp_path / "some.tar", "tar", Manifest.of("source", spec, (*manifest.snapshots, twin), {}), weights)
    found, data = read(tmp_path / "some.tar", spec)
    assert (len(found.snapshots), len(data)) == (4, 3)


@pytest.mark.parametrize("kind", KINDS)
def test_other_files_beside_it_do_not_matter(tmp_path, spec, manifest, members, kind):
    path = put(tmp_path / KINDS[kind], {"README.txt": b"ours", **members, "more/x.bin": b"x"})
    assert read(path, spec)[0] == manifest


def test_names_as_tar_writes_them_of_a_folder(tmp_path, spec, manifest, members):
    path = put(tmp_path / "some.tar", {f"./{name}": data for name, data in members.items()})
    assert read(path, spec)[0] == manifest


@pytest.mark.parametrize("kind", KINDS)
def test_a_wrong_hash_is_refused(tmp_path, spec, members, weights, kind):
    members[f"{digest(weights[1])}.safetensors"] = weights[2]
    text = refusal(put(tmp_path / KINDS[kind], members), spec)
    assert f"main-0001 are {len(weights[2])} bytes with hash {digest(weights[2])[:12]}" in text


@pytest.mark.parametrize("kind", KINDS)
def test_weights_that_are_not_there_are_refused(tmp_path, spec, members, weights, kind):
    del members[f"{digest(weights[1])}.safetensors"]
    assert f"there is no {digest(weights[1])}.safetensors at its top" in refusal(
        put(tmp_path / KINDS[kind], members), spec
    )


@pytest.mark.parametrize("kind", KINDS)
def test_without_a_list_it_is_no_archive(tmp_path, spec, kind):
    assert "there is no pool.json at its top" in refusal(put(tmp_path / KINDS[kind], {"x": b"x"}), spec)


@pytest.mark.parametrize("kind", ["tar", "tar.gz", "zip"])
@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "a/../../evil", "..\\evil", "C:\\evil"])
def test_a_path_that_climbs_out_is_refused(tmp_path, spec, members, kind, name):
    inside = tmp_path / "inside"
    inside.mkdir()
    before = {path.name for path in tmp_path.iterdir()}
    path = put(inside / KINDS[kind], {**members, name: b"evil"})
    assert "a path that climbs out of the archive" in refusal(path, spec)
    assert {path.name for path in tmp_path.iterdir()} == before
    assert list(inside.iterdir()) == [path]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sha256", ["../../etc/passwd", "/etc/passwd", "", "A" * 64, "a" * 63, None, 7])
def test_a_list_that_points_elsewhere_is_refused(tmp_path, spec, manifest, members, kind, sha256):
    path = put(tmp_path / KINDS[kind], {**members, "pool.json": changed(manifest, sha256=sha256)})
    assert "no sha256" in refusal(path, spec)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_in_a_tar_are_refused(tmp_path, spec, members, kind):
    path = put(tmp_path / "some.tar", members)
    with tarfile.open(path, "a") as tar:
        member = tarfile.TarInfo("linked")
        member.type, member.linkname = kind, "/etc/passwd"
        tar.addfile(member)
    assert "'linked', a link or a device" in refusal(path, spec)


def test_links_in_a_zip_are_refused(tmp_path, spec, members):
    path = put(tmp_path / "some.zip", members)
    with zipfile.ZipFile(path, "a") as packed:
        member = zipfile.ZipInfo("linked")
        member.external_attr = (stat.S_IFLNK | 0o777) << 16
        packed.writestr(member, "/etc/passwd")
    assert "'linked', a link or a device" in refusal(path, spec)


def test_links_in_a_folder_are_refused(tmp_path, spec, members, weights):
    path = put(tmp_path / "some", members)
    name = f"{digest(weights[0])}.safetensors"
    (path / name).rename(tmp_path / "elsewhere")
    (path / name).symlink_to(tmp_path / "elsewhere")
    assert f"{name} is no plain file" in refusal(path, spec)


def test_another_game_is_refused(tmp_path, manifest, members):
    path = put(tmp_path / "some.zip", members)
    assert "play tic_tac_toe (observations [3, 3, 2], 9 actions, 2 seats), not connect_four" in refusal(
        path, game_spec("connect_four")
    )


def test_weights_of_another_game_under_a_false_name_are_refused(tmp_path, spec, manifest, members):
    theirs = pack(fresh(game_spec("connect_four"), NETWORK, 0))
    members |= {
        f"{digest(theirs)}.safetensors": theirs,
        "pool.json": changed(manifest, sha256=digest(theirs), bytes=len(theirs)),
    }
    assert "these weights are for connect_four" in refusal(put(tmp_path / "some.zip", members), spec)


@pytest.mark.parametrize("data", [b"", b"not weights", b"\xff" * 1000])
def test_what_is_no_policy_is_refused(tmp_path, spec, manifest, members, data):
    members |= {
        f"{digest(data)}.safetensors": data,
        "pool.json": changed(manifest, sha256=digest(data), bytes=len(data)),
    }
    assert "not a policy of this project" in refusal(put(tmp_path / "some.tar.gz", members), spec)


def test_a_number_that_is_not_finite_is_refused(tmp_path, spec, manifest, members):
    network = fresh(spec, NETWORK, 0)
    with torch.no_grad():
        network.value.bias += float("nan")
    data = pack(network)
    members |= {
        f"{digest(data)}.safetensors": data,
        "pool.json": changed(manifest, sha256=digest(data), bytes=len(data)),
    }
    assert "not finite, in value.bias" in refusal(put(tmp_path / "some.tar", members), spec)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"format": 2}, "has format 2; this version reads format 1"),
        ({"format": None}, "has format None"),
        ({"snapshots": 7}, "not one of this project"),
        ({"snapshots": [[]]}, "not one of this project"),
        ({"exported_s": float("inf")}, "where a number belongs"),
        ({"league": "a\x1b[31mb"}, "must be 1 to 100 letters"),
        ({"game": "a\x1b[31mb"}, "does not name its game"),
        ({"shape": [3, -3, 2]}, "where a whole number belongs"),
        ({"shape": 3}, "not one of this project"),
        ({"name": "main-0000"}, "names a policy twice"),
        ({"name": "a|b"}, "must be 1 to 100 letters"),
        ({"name": "../a"}, "must be 1 to 100 letters"),
        ({"learner": ""}, "must be 1 to 100 letters"),
        ({"parent": 7}, "must be 1 to 100 letters"),
        ({"steps": 1.5}, "where a whole number belongs"),
        ({"steps": True}, "where a whole number belongs"),
        ({"created_s": float("nan")}, "where a number belongs"),
        ({"created_s": 1e300}, r"created_s = 1e+300: must be a time in seconds from 1970 until now"),
        ({"created_s": -1.0}, "created_s = -1: must be a time"),
        ({"created_s": time.time() + 2 * 86_400}, "must be a time in seconds from 1970 until now"),
        ({"snapshots": []}, "pool.json lists no policies"),
        ({"bytes": 2**62}, "an archive holds at most"),
        ({"rating": [1, 2]}, "not one of this project"),
        ({"rating": {"mu": "x", "sigma": 1, "games": 1}}, "where a number belongs"),
    ],
)
def test_a_list_that_is_wrong_is_refused(tmp_path, spec, manifest, members, fields, reason):
    assert reason in refusal(put(tmp_path / "some.zip", {**members, "pool.json": changed(manifest, **fields)}), spec)


@pytest.mark.parametrize("data", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b"[]", b"null", b"{}", b'"text"'])
def test_a_list_that_is_none_is_refused(tmp_path, spec, members, data):
    assert "pool.json is not" in refusal(put(tmp_path / "some.tar", {**members, "pool.json": data}), spec)


def test_damaged_archives_are_refused(tmp_path, spec, members):
    for kind in ("tar", "tar.gz", "zip"):
        whole = put(tmp_path / KINDS[kind], members).read_bytes()
        for size in (0, 1, 10, len(whole) // 2):
            path = tmp_path / f"{size}.{kind}"
            path.write_bytes(whole[:size])
            refusal(path, spec)
    (tmp_path / "text.tar").write_text("no archive at all\n" * 100)
    refusal(tmp_path / "text.tar", spec)
    assert "No such file or directory" in refusal(tmp_path / "nothing.tar", spec)


@pytest.mark.parametrize("packing", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_a_zip_that_is_packed_in_another_way_is_refused(tmp_path, spec, members, packing):
    path = tmp_path / "some.zip"
    with zipfile.ZipFile(path, "w", packing) as packed:
        for name, data in members.items():
            packed.writestr(name, data)
    data = bytearray(path.read_bytes())
    data[100] ^= 0xFF
    path.write_bytes(data)
    assert "'pool.json', which is neither stored nor deflated" in refusal(path, spec)


def test_a_member_larger_than_allowed_is_not_read(tmp_path, spec, members, monkeypatch):
    monkeypatch.setattr(archive, "LARGEST_MANIFEST", 100)
    for kind in KINDS:
        assert "pool.json is larger than 100 bytes" in refusal(put(tmp_path / KINDS[kind], members), spec)


def test_a_zip_whose_sizes_are_false_is_bounded(tmp_path, spec, members, monkeypatch):
    """The central directory says that `pool.json` is small; what comes out of it is not."""
    path = put(tmp_path / "some.zip", {**members, "pool.json": b" " * 100_000})
    data = path.read_bytes().replace((100_000).to_bytes(4, "little"), (50).to_bytes(4, "little"))
    path.write_bytes(data)
    monkeypatch.setattr(archive, "LARGEST_MANIFEST", 100)
    refusal(path, spec)


def test_a_bomb_is_given_up_at_its_headers(tmp_path, spec):
    """A terabyte of zeros in a tar is announced by one header: it is not looked for behind it."""
    member = tarfile.TarInfo("zeros")
    member.size = 2**40
    path = tmp_path / "bomb.tar.gz"
    path.write_bytes(gzip.compress(member.tobuf() + bytes(10_000)))
    assert "larger than" in refusal(path, spec)


def test_a_header_that_announces_more_than_memory_is_given_up(tmp_path, spec):
    extended = tarfile.TarInfo("pax")
    extended.type, extended.size = tarfile.XHDTYPE, 2**40
    path = tmp_path / "bomb.tar"
    path.write_bytes(extended.tobuf(tarfile.GNU_FORMAT) + bytes(10_000))
    assert "a header announces" in refusal(path, spec)


def test_more_than_an_archive_holds_is_not_written(manifest):
    large = [replace(s, bytes=archive.LARGEST) for s in manifest.snapshots]
    archive.check_size([*large, *large])
    with pytest.raises(ArchiveError, match="name fewer policies"):
        archive.check_size(replace(s, digest=str(n)) for n, s in enumerate([*large, *large]))
    with pytest.raises(ArchiveError, match="name fewer policies"):
        archive.check_size([replace(manifest.snapshots[0], bytes=archive.LARGEST + 1)])
