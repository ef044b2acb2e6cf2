"""The exported file, as somebody without this project would run it."""

import importlib.util
import json
import re

import pytest
import torch

from league.config import NetworkConfig
from league.errors import MissingExtraError
from league.games import game_spec
from league.installation import installing
from league.policies import onnx as export
from league.policies.onnx import export_onnx
from league.policies.weights import digest, fresh, pack

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
    network = fresh(game_spec(game), NETWORKS[kind], 5)
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
