from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from simulation_sandbox.node.errors import CannotStartError, NotConfiguredError
from simulation_sandbox.node.mounts import mounts, rewrite
from simulation_sandbox.node.objects import Objects
from simulation_sandbox.node.place import Place
from simulation_sandbox.node.projection import project
from simulation_sandbox.node.recipe import World, recipe
from simulation_sandbox.node.volumes import File

MOUNTS = {"/etc/app": Path("/pod/app"), "/etc/app/tokens": Path("/pod/tokens"), "/data": Path("/pod/data")}


@pytest.mark.parametrize(
    ("text", "rewritten"),
    [
        ("/etc/app", "/pod/app"),
        ("/etc/app/", "/pod/app/"),
        ("/etc/app/a.yaml", "/pod/app/a.yaml"),
        ("/etc/app/tokens/x", "/pod/tokens/x"),
        ("/etc/app/tokensmith", "/pod/app/tokensmith"),
        ("--file=/etc/app/a", "--file=/pod/app/a"),
        ("file:///data/x", "file:///pod/data/x"),
        ("/data:/etc/app", "/pod/data:/pod/app"),
        ("cat /data/a; ls '/data'", "cat /pod/data/a; ls '/pod/data'"),
        ("stored in /data.", "stored in /pod/data."),
        ("/etc/apple", "/etc/apple"),
        ("/etc/app-2", "/etc/app-2"),
        ("/data.old", "/data.old"),
        ("/my/data", "/my/data"),
        ("http://host/data", "http://host/data"),
        ("http://host:8080/data", "http://host:8080/data"),
    ],
)
def test_mount_paths_are_rewritten_where_they_are_paths(text: str, rewritten: str) -> None:
    assert rewrite(text, MOUNTS) == rewritten


def test_without_mounts_nothing_is_rewritten() -> None:
    assert rewrite("/etc/app", {}) == "/etc/app"


def test_sub_paths_may_use_env_and_may_not_leave_their_volume(tmp_path: Path) -> None:
    spec = {"volumes": [{"name": "scratch", "emptyDir": {}}]}
    inside = {"volumeMounts": [{"name": "scratch", "mountPath": "/scratch/", "subPathExpr": "$(NAME)/x"}]}
    outside = {"volumeMounts": [{"name": "scratch", "mountPath": "/scratch", "subPath": "../x"}]}
    assert mounts(inside, spec, Place(tmp_path), {"NAME": "one"}) == {"/scratch": tmp_path / "volumes/scratch/one/x"}
    with pytest.raises(NotConfiguredError, match="leaves its volume"):
        mounts(outside, spec, Place(tmp_path), {})


def test_projecting_the_same_again_changes_nothing(tmp_path: Path) -> None:
    files = {"a": File(b"1", 0o644), "deep/b": File(b"2", 0o400)}
    assert project(tmp_path / "v", files)
    assert not project(tmp_path / "v", files)
    assert project(tmp_path / "v", {"a": File(b"1", 0o600)})
    assert sorted(path.name for path in (tmp_path / "v").iterdir()) == ["..2", "..data", "a"]


@pytest.mark.parametrize("path", ["../x", "/x", "a/../../x", "..data", ""])
def test_a_file_cannot_leave_its_volume(tmp_path: Path, path: str) -> None:
    with pytest.raises(NotConfiguredError):
        project(tmp_path / "v", {path: File(b"", 0o644)})


def test_a_reader_never_sees_a_mixture(tmp_path: Path) -> None:
    volume = tmp_path / "v"
    project(volume, {name: File(b"0", 0o644) for name in "ab"})
    mixtures: list[tuple[bytes, bytes]] = []
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            moment = (volume / "..data").resolve()  # what a careful reader does; two opens by name could see a swap in between
            try:
                seen = ((moment / "a").read_bytes(), (moment / "b").read_bytes())
            except FileNotFoundError:  # replaced twice meanwhile
                continue
            if seen[0] != seen[1]:
                mixtures.append(seen)

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(200):
        project(volume, {name: File(str(number).encode(), 0o644) for name in "ab"})
    done.set()
    reader.join()
    assert mixtures == []


@pytest.fixture
def world(tmp_path: Path) -> World:
    place = Place(tmp_path / "pod")
    place.make()
    bin_dir = tmp_path / "bin"
    bin_dir.mkdir()
    (bin_dir / "ours").touch(mode=0o755)
    pod = {"metadata": {"name": "one", "namespace": "crm", "uid": "u"}, "spec": {"volumes": [{"name": "scratch", "emptyDir": {}}]}}
    return World(pod=pod, objects=Objects({}), place=place, bin_dir=bin_dir)


def container(**fields: Any) -> dict[str, Any]:
    return {"name": "main", "volumeMounts": [{"name": "scratch", "mountPath": "/scratch"}], **fields}


def test_programs_of_ours_win_over_the_systems(world: World) -> None:
    made = recipe(
        container(command=["/app/.venv/bin/ours", "--dir=/scratch"], args=["$(X)"], env=[{"name": "X", "value": "/scratch/x"}]), world
    )
    assert made.command == (str(world.bin_dir / "ours"), f"--dir={world.place.volumes}/scratch", f"{world.place.volumes}/scratch/x")
    assert recipe(container(command=["/bin/sh"]), world).command == ("/bin/sh",)


def test_a_program_that_is_nowhere_cannot_start(world: World) -> None:
    with pytest.raises(CannotStartError, match="no-such-program"):
        recipe(container(command=["/no-such-program"]), world)


def test_the_pods_own_path_and_home_win(world: World) -> None:
    made = recipe(container(command=["sh"], env=[{"name": "PATH", "value": "/bin"}, {"name": "HOME", "value": "/scratch"}]), world)
    assert (made.env["PATH"], made.env["HOME"]) == ("/bin", f"{world.place.volumes}/scratch")


def test_the_working_directory_is_a_mount_or_the_pods_home(world: World) -> None:
    assert recipe(container(command=["sh"], workingDir="/scratch"), world).cwd == world.place.volumes / "scratch"
    assert recipe(container(command=["sh"], workingDir="/app"), world).cwd == world.place.home
