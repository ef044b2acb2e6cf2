"""The exported file, as somebody without this project would run it."""

import importlib.util
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from league.config import NetworkConfig
from league.errors import MissingExtraError
from league.games import game_spec, make_game, sample_uniform
from league.installation import installing
from league.policies import onnx as export
from league.policies.onnx import IR_VERSION, OPSET, export_onnx
from league.policies.weights import digest, fresh, pack, unpack

NETWORKS = {
    "mlp": NetworkConfig(kind="mlp", hidden=(16, 8)),
    "conv": NetworkConfig(kind="conv", channels=4, blocks=1, hidden=(8,)),
    "tables": NetworkConfig(kind="tables", hidden=(16, 8, 8)),
}

EXPORTS = [("connect_four", "mlp"), ("tic_tac_toe", "conv"), ("connect_four", "tables"), ("tic_tac_toe", "tables")]


@pytest.fixture(scope="module", params=EXPORTS, ids="-".join)
def exported(request, tmp_path_factory):
    """A network, and the path of its export."""
    for package in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(package)
    game, kind = request.param
    spec = game_spec(game)
    network = unpack(pack(fresh(spec, NETWORKS[kind], 5)), spec)  # As a snapshot is.
    path = tmp_path_factory.mktemp("export") / "a new folder" / "policy.onnx"
    export_onnx(network, path, policy="main-0003", digest=digest(pack(network)))
    return network, path


@pytest.fixture(scope="module")
def session(exported):
    import onnxruntime

    return onnxruntime.InferenceSession(exported[1], providers=["CPUExecutionProvider"])


def test_it_keeps_the_contract(exported, session):
    spec = exported[0].spec
    inputs = {one.name: one for one in session.get_inputs()}
    outputs = {one.name: one for one in session.get_outputs()}
    assert list(inputs) == ["observation", "action_mask"]
    assert list(outputs) == ["logits", "value"]
    assert {one.type for one in (*inputs.values(), *outputs.values())} == {"tensor(float)"}
    assert inputs["observation"].shape[1:] == list(spec.shape)
    assert inputs["action_mask"].shape[1:] == [spec.actions]
    assert outputs["logits"].shape[1:] == [spec.actions]
    assert len(outputs["value"].shape) == 1
    assert all(isinstance(one.shape[0], str) for one in (*inputs.values(), *outputs.values())), "N is free"


@pytest.mark.parametrize("count", [1, 2, 7])
def test_it_computes_what_the_network_does(exported, session, count):
    network, _ = exported
    spec = network.spec
    generator = torch.Generator().manual_seed(count)
    observation = torch.rand(count, *spec.shape, generator=generator)
    mask = (torch.rand(count, spec.actions, generator=generator) < 0.6).float()
    mask[:, 0] = 1
    with torch.no_grad():
        expected = network(observation, mask.bool())
    logits, value = session.run(None, {"observation": observation.numpy(), "action_mask": mask.numpy()})
    assert logits.shape == (count, spec.actions)
    assert value.shape == (count,)
    assert (logits[mask.numpy() == 0] == -1e9).all()
    torch.testing.assert_close(torch.from_numpy(logits), expected[0], atol=1e-5, rtol=0)
    torch.testing.assert_close(torch.from_numpy(value), expected[1], atol=1e-5, rtol=0)


def test_its_metadata_say_what_it_is(exported, session):
    network, _ = exported
    metadata = session.get_modelmeta().custom_metadata_map
    assert metadata["league.policy"] == "main-0003"
    assert metadata["league.sha256"] == digest(pack(network))
    assert metadata["league.game"] == network.spec.name
    assert json.loads(metadata["league.shape"]) == list(network.spec.shape)


def test_it_is_written_for_old_readers_and_says_nothing_of_this_machine(exported):
    import onnx

    model = onnx.load(exported[1])
    assert (model.ir_version, [(used.domain, used.version) for used in model.opset_import]) == (8, [("", 18)])
    assert (IR_VERSION, OPSET) == (8, 18)
    onnx.checker.check_model(model, full_check=True)
    data = exported[1].read_bytes()
    assert str(Path(export.__file__).parent).encode() not in data
    assert b"stack_trace" not in data


@pytest.mark.parametrize("format", [1, 2])
def test_a_table_takes_no_more_bytes_than_in_its_snapshot(tmp_path, format):
    spec = game_spec("connect_four")
    network = fresh(spec, NetworkConfig(), 5)
    if format == 1:  # In which tables were in half precision.
        with torch.no_grad():
            network.body.table.copy_(network.body.table.half().float())
    else:
        network = unpack(pack(network), spec)
    export_onnx(network, tmp_path / "policy.onnx", policy="main-0003", digest="")
    assert (tmp_path / "policy.onnx").stat().st_size < (5_100_000 if format == 1 else 2_600_000)
    observation, mask, logits, value = thousand(network)
    found = _run(tmp_path / "policy.onnx", observation, mask)
    assert abs(found[0] - logits).max() <= 1e-4
    assert abs(found[1] - value).max() <= 1e-4


def thousand(network):
    """Observations and masks of 1,000 positions of games, and what the network says of them."""
    game, generator = make_game(network.spec.name, 50), torch.Generator().manual_seed(1)
    seen, legal = [], []
    for _ in range(20):
        seen.append(game.observe())
        legal.append(game.legal())
        game.reset(game.step(sample_uniform(game.legal(), generator)).done)
    with torch.no_grad():
        logits, value = network(torch.cat(seen), torch.cat(legal))
    return torch.cat(seen).numpy(), torch.cat(legal).float().numpy(), logits.numpy(), value.numpy()


def _run(path, observation, mask):
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.run(["logits", "value"], {"observation": observation, "action_mask": mask})


def test_it_gives_the_networks_logits_on_a_thousand_positions(exported):
    network, path = exported
    observation, mask, logits, value = thousand(network)
    found = _run(path, observation, mask)
    assert len(found[0]) == 1000
    assert abs(found[0] - logits).max() <= 1e-4
    assert abs(found[1] - value).max() <= 1e-4


OLD = """
import sys
import numpy, onnxruntime
assert onnxruntime.__version__.startswith("1.17."), onnxruntime.__version__
said = numpy.load(sys.argv[2])
session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
for rows in (1, 7, 1000):
    for start in range(0, 1000, rows):
        part = slice(start, start + rows)
        inputs = {"observation": said["observation"][part], "action_mask": said["mask"][part]}
        logits, value = session.run(["logits", "value"], inputs)
        assert abs(logits - said["logits"][part]).max() <= 1e-4
        assert abs(value - said["value"][part]).max() <= 1e-4
print("1000 positions")
"""


@pytest.fixture(scope="module")
def old_python(tmp_path_factory):
    """Of an environment with onnxruntime 1.17."""
    if sys.version_info >= (3, 13):
        pytest.skip("onnxruntime 1.17 has no wheel for this Python")
    folder = tmp_path_factory.mktemp("old")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    install = [folder / "bin" / "pip", "install", "--quiet", "onnxruntime==1.17.*", "numpy<2"]
    if subprocess.run(install, check=False).returncode:
        pytest.skip("onnxruntime 1.17 cannot be installed here")
    yield folder / "bin" / "python"
    shutil.rmtree(folder)


@pytest.mark.long
def test_onnxruntime_1_17_gives_the_networks_logits(exported, old_python, tmp_path):
    network, path = exported
    names = ("observation", "mask", "logits", "value")
    np.savez(tmp_path / "said.npz", **dict(zip(names, thousand(network), strict=True)))
    found = subprocess.run(
        [old_python, "-c", OLD, path, tmp_path / "said.npz"], capture_output=True, text=True, check=False
    )
    assert (found.stdout, found.returncode) == ("1000 positions\n", 0), found.stderr


def test_it_is_one_file(exported):
    assert [path.name for path in exported[1].parent.iterdir()] == ["policy.onnx"]


@pytest.mark.parametrize("missing", ["onnx", "onnxscript"])
def test_a_missing_extra_is_named(monkeypatch, tmp_path, missing):
    found = importlib.util.find_spec
    monkeypatch.setattr(export, "find_spec", lambda name: None if name == missing else found(name) or object())
    network = fresh(game_spec("tic_tac_toe"), NETWORKS["mlp"], 0)
    with pytest.raises(MissingExtraError, match=f"^{missing} is not installed: {re.escape(installing('onnx'))}$"):
        export_onnx(network, tmp_path / "policy.onnx", policy="main-0000", digest="")
    assert not list(tmp_path.iterdir())
