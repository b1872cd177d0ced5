"""``cubbyd install-units``: the units that come with cubbyd, with paths that fit.

- What is shipped is what is installed, but for the two lines that name the program's place.
- The administrator's file is made once; units are replaced.
- Nothing is written that could not run, and nothing at all in a dry run.
"""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from cubbyd.cli import units
from cubbyd.cli.install_units import install_units
from cubbyd.cli.serve import main
from cubbyd.cli.units import Installation, system_files, user_files
from cubbyd.errors import StartError

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
HERE = Installation(
    interpreter=Path("/opt/cubbyd/bin/python3"),
    prefixes=(Path("/opt/cubbyd"),),
    package=Path("/opt/cubbyd/lib/python3.11/site-packages/cubbyd"),
)


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    return tmp_path / "home"


def install(*words):
    return CliRunner().invoke(main, ["install-units", *map(str, words)])


def texts(files):
    return {file.path.name: file.text for file in files}


def test_a_users_units_land_where_the_users_manager_looks(home):
    ran = install("--user")

    directory = home / ".config" / "systemd" / "user"
    assert ran.exit_code == 0
    assert sorted(path.name for path in directory.iterdir()) == [
        "cubbyd-http.socket",
        "cubbyd.service",
        "cubbyd.socket",
    ]
    assert all(path.stat().st_mode & 0o777 == 0o644 for path in directory.iterdir())
    assert "systemctl --user enable --now cubbyd.socket" in ran.stderr


def test_packagers_name_a_root(home, tmp_path):
    ran = install("--user", "--root", tmp_path / "image")

    (placed,) = (tmp_path / "image").rglob("cubbyd.service")
    assert placed.is_relative_to(tmp_path / "image" / home.relative_to("/"))
    assert not home.exists()
    assert f"where {tmp_path / 'image'} is the root" in ran.stderr


def test_the_systems_files_have_their_places(tmp_path):
    files = list(system_files(HERE, tmp_path))

    assert [str(file.path.relative_to(tmp_path)) for file in files] == [
        "etc/systemd/system/cubbyd.socket",
        "etc/systemd/system/cubbyd-http.socket",
        "etc/systemd/system/cubbyd.service",
        "etc/sysusers.d/cubbyd.conf",
        "etc/tmpfiles.d/cubbyd.conf",
        "etc/cubbyd/cubbyd.toml",
    ]
    assert [file.path.name for file in files if file.is_configuration] == ["cubbyd.toml"]


@pytest.mark.parametrize(("kind", "make"), [("system", system_files), ("user", user_files)])
def test_only_the_programs_place_differs_from_what_is_shipped(kind, make, tmp_path):
    installed = texts(make(HERE, tmp_path))

    for name in ("cubbyd.socket", "cubbyd-http.socket"):
        assert installed[name] == (ROOT / "systemd" / kind / name).read_text()
    shipped = (ROOT / "systemd" / kind / "cubbyd.service").read_text().splitlines()
    lines = installed["cubbyd.service"].splitlines()
    exec_paths = (
        "/opt/cubbyd/bin/python3 /opt/cubbyd -/bin/kill -/usr/bin/kill "
        "/usr/lib -/usr/lib32 -/usr/lib64 -/lib -/lib64"
    )
    differing = [new for old, new in zip(shipped, lines, strict=True) if old != new]
    options = " --config /etc/cubbyd/cubbyd.toml" if kind == "system" else ""
    assert differing == [
        f"ExecStart=/opt/cubbyd/bin/python3 -I -m cubbyd.cli.serve{options}",
        f"ExecPaths={exec_paths}",
    ]


def test_paths_are_written_as_systemd_reads_them(tmp_path):
    odd = Installation(
        interpreter=Path('/opt/a b%c$d"e/python3'),
        prefixes=(Path("/opt/a b%c$d"),),
        package=tmp_path,
    )

    text = texts(user_files(odd, tmp_path))["cubbyd.service"]

    assert r'ExecStart="/opt/a b%%c$$d\"e/python3" -I' in text
    assert '"/opt/a b%%c$d"' in text


def test_one_that_pip_put_into_a_users_own_place_is_not_isolated_from_it(tmp_path):
    own = Installation(interpreter=Path("/usr/bin/python3"), prefixes=(), is_users_own=True)

    assert own.command == "/usr/bin/python3 -E -P -m cubbyd.cli.serve"


@pytest.mark.parametrize("place", ["interpreter", "prefixes", "package"])
def test_the_system_is_given_nothing_from_a_home(place, tmp_path):
    """Its service could not read it, and its user could change it."""
    inside = Path("/home/somebody/cubbyd/bin/python3")
    where = {
        "interpreter": HERE.interpreter,
        "prefixes": HERE.prefixes,
        "package": HERE.package,
        place: (inside,) if place == "prefixes" else inside,
    }

    with pytest.raises(StartError, match="lies in a home directory"):
        list(system_files(Installation(**where), tmp_path))


def test_units_are_replaced_and_the_administrators_file_is_kept(tmp_path):
    for file in system_files(HERE, tmp_path):
        assert units.install(file) == "installed"
    unit = tmp_path / "etc/systemd/system/cubbyd.service"
    config = tmp_path / "etc/cubbyd/cubbyd.toml"
    unit.write_text("old")
    config.write_text("mine")

    done = {file.path.name: units.install(file) for file in system_files(HERE, tmp_path)}

    assert (done["cubbyd.service"], done["cubbyd.toml"]) == ("installed", "kept")
    assert done["cubbyd.socket"] == "unchanged"
    assert unit.read_text() != "old"
    assert config.read_text() == "mine"
    assert not list(tmp_path.rglob("*.new"))


def test_a_masked_unit_is_replaced_and_not_written_through(tmp_path):
    """``systemctl mask`` makes a link to /dev/null."""
    (file, *_) = system_files(HERE, tmp_path)
    file.path.parent.mkdir(parents=True)
    file.path.symlink_to("/dev/null")

    assert units.install(file) == "installed"
    assert file.path.read_text() == file.text


def test_a_dry_run_shows_them_and_writes_nothing(home):
    ran = install("--user", "--dry-run")

    assert not home.exists()
    assert f"# {home}/.config/systemd/user/cubbyd.service\n[Unit]\n" in ran.stdout
    assert ran.stderr == ""


def test_what_cannot_be_written_is_told(home):
    home.write_text("not a directory")

    ran = install("--user")

    assert ran.exit_code == 1
    assert "cannot write" in ran.stderr


def test_it_wants_to_be_told_for_whom():
    ran = install()

    assert ran.exit_code == 2
    assert "--user or --system" in ran.stderr


def test_every_file_that_is_shipped_is_installed(tmp_path):
    shipped = {
        str(path.relative_to(ROOT / "systemd"))
        for path in (ROOT / "systemd").rglob("*")
        if path.is_file()
    }

    assert shipped == {*units._SYSTEM, *(f"user/{name}" for name in units._USER)}  # noqa: SLF001


def test_every_option_is_told():
    (row,) = re.findall(r"^\| `cubbyd install-units(.+?)` \| .+ \|$", PAGE, re.MULTILINE)

    assert set(re.findall(r"--[a-z-]+", row)) == {
        name for each in install_units.params for name in (*each.opts, *each.secondary_opts)
    }
