"""The daemon's settings.

The rules: without a file the defaults hold; the command line is above the file; whatever is wrong
is an error that names the file, the key and the remedy, and all of it is told at once.
"""

import grp
import json
import os
import pwd
import textwrap
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from tempfile import NamedTemporaryFile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cubbyd import locations
from cubbyd.config import load
from cubbyd.errors import StartError
from cubbyd.settings import AccessSettings, LimitSettings, LoginSettings, Settings

ME = pwd.getpwuid(os.geteuid())
MY_GROUP = grp.getgrgid(os.getegid())


EVERYTHING = f"""
socket = "/run/x/cubbyd.sock"
store = "~/store"
key_file = "/etc/cubbyd/key"
log_level = "warning"
owner_needs_token = true
stop_timeout = "1m"

[access]
owners = [1000, "{ME.pw_name}"]
guest_uids = ["1002"]
guest_gids = [50, "{MY_GROUP.gr_name}"]

[login]
default = ["default", "Deploy"]
ttl = 600

[login.uids]
1000 = ["ops"]
{ME.pw_name} = ["a", "b", "a"]

[login.gids]
{MY_GROUP.gr_name} = []

[limits]
max_frame_bytes = 65536
max_connections = 100
max_connections_per_uid = 50
idle_timeout = "1h30m"
frame_timeout = 5
send_timeout = "5s"
max_tokens_per_uid = 7
max_cubbyhole_bytes = 2048
max_path_bytes = 512
max_wrap_ttl = "1d"
default_ttl = "1h"
max_ttl = "2h"
"""


@pytest.fixture
def config(tmp_path):
    """Writes a configuration file, and gives its path."""

    def write(text):
        file = tmp_path / "cubbyd.toml"
        file.write_text(textwrap.dedent(text))
        return file

    return write


@pytest.fixture
def complaint(config):
    """What is said about a configuration file."""

    def complain(text, **overrides):
        file = config(text)
        with pytest.raises(StartError) as caught:
            load(file, overrides=overrides)
        assert str(file) in str(caught.value)
        return str(caught.value)

    return complain


# -- what is read


def test_without_a_file_the_defaults_hold(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))

    settings = load()

    assert settings == Settings()
    assert settings.socket == locations.user_socket()
    assert settings.store == locations.user_store()
    assert settings.key_file == locations.user_key_file()


def test_an_empty_file_changes_nothing(config):
    assert load(config("")) == Settings()


def test_the_users_own_file_is_read_when_it_is_there(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "cubbyd").mkdir()
    (tmp_path / "cubbyd" / "cubbyd.toml").write_text('log_level = "debug"')

    assert load().log_level == "debug"


def test_every_setting_can_be_in_the_file(config):
    settings = load(config(EVERYTHING))

    assert settings.socket == Path("/run/x/cubbyd.sock")
    assert settings.store == Path.home() / "store"
    assert settings.key_file == Path("/etc/cubbyd/key")
    assert settings.log_level == "warning"
    assert settings.owner_needs_token
    assert settings.stop_timeout == 60
    assert settings.access.owners == {1000, ME.pw_uid}
    assert settings.access.guest_uids == {1002}
    assert settings.access.guest_gids == {50, MY_GROUP.gr_gid}
    assert settings.login.default == ("default", "deploy")
    assert settings.login.ttl == 600
    assert settings.login.uids == {1000: ("ops",), ME.pw_uid: ("a", "b")}
    assert settings.login.gids == {MY_GROUP.gr_gid: ()}
    limits = settings.limits
    assert limits.max_frame_bytes == 65536
    assert (limits.max_connections, limits.max_connections_per_uid) == (100, 50)
    assert (limits.idle_timeout, limits.frame_timeout, limits.send_timeout) == (5400, 5, 5)
    assert (limits.max_tokens_per_uid, limits.max_cubbyhole_bytes) == (7, 2048)
    assert limits.max_path_bytes == 512
    assert (limits.max_wrap_ttl, limits.default_ttl, limits.max_ttl) == (86_400, 3600, 7200)


def test_the_command_line_is_above_the_file(config):
    file = config('log_level = "error"\nsocket = "/run/a"\n')

    settings = load(file, overrides={"log_level": "debug", "socket": None, "store": Path("here")})

    assert settings.log_level == "debug"
    assert settings.socket == Path("/run/a")
    assert settings.store == Path.cwd() / "here"


# -- what is wrong


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('log_level = "warn"', "log_level: must be one of error, warning, info, debug, not 'warn'"),
        ('log_level = "warn"', "did you mean warning?"),
        ('owner_needs_token = "yes"', "owner_needs_token: must be true or false, without quotes"),
        ('socket = "cubbyd.sock"', "socket: must be an absolute path"),
        ("socket = 1", "socket: must be a path as text, not 1"),
        ('socket = ""', "socket: must be a path as text, not ''"),
        ('store = "~no-such-user/x"', "store: "),
        ('stop_timeout = "5 parsecs"', "stop_timeout: must be a number of seconds or text such as"),
        ("stop_timeout = -1", "stop_timeout: must be from 0s to 1h, not -1"),
        ("stop_timeout = true", "stop_timeout: must be a number of seconds"),
        ("stop_timeout = 1.5", "stop_timeout: must be a number of seconds"),
        ("sockets = 1", "sockets: unknown; did you mean socket?"),
        ("[limit]", "limit: unknown; did you mean limits?"),
        ("xyzzy = 1", "xyzzy: unknown; known are socket, http_socket, store"),
        ("limits = 3", "limits: must be a section: a line [limits]"),
        ("[limits]\nmax_conections = 3", "limits.max_conections: unknown; did you mean max_conn"),
        ("[limits]\nmax_frame_bytes = 1", "limits.max_frame_bytes: must be from 4096 to 16777216"),
        ('[limits]\nmax_frame_bytes = "1 MiB"', "must be a whole number of bytes, not '1 MiB'"),
        ("[limits]\nmax_connections = true", "must be a whole number of connections, not True"),
        ("[limits]\nmax_connections = 100", "limits.max_connections_per_uid: is more than"),
        ('[limits]\nmax_ttl = "1h"', "limits.default_ttl: is longer than limits.max_ttl"),
        ('[limits]\nmax_ttl = "1m"\ndefault_ttl = "1m"', "login.ttl: is longer than"),
        ("[access]\nowners = 1000", "access.owners: must be a list in brackets, not 1000"),
        ("[access]\nowners = [true]", "access.owners: must name each user by number or name"),
        ("[access]\nowners = [-1]", "access.owners: user ids are from 0 to 4294967294, not -1"),
        ("[access]\nowners = [4294967295]", "access.owners: user ids are from 0 to"),
        ("[access]\nowners = ['no-such-user']", "there is no user 'no-such-user' on this system"),
        ("[access]\nguest_gids = ['no-such-group']", "there is no group 'no-such-group'"),
        ('[access]\nguest_gids = ["nul\\u0000"]', "there is no group 'nul"),
        ('socket = "/nul\\u0000"', "socket: must be a path as text"),
        ("[access]\nowners = [65534]", "access.owners: user 65534 is what the kernel shows for"),
        ("[access]\nguest_gids = [65534]", "so it is nobody's, and nothing can be granted to it"),
        ('[login]\ndefault = "default"', "login.default: must be a list in brackets"),
        ("[login]\ndefault = [1]", "login.default: must name policies as text, not 1"),
        ('[login]\ndefault = ["ROOT"]', "login.default: logging in cannot give the policy 'ROOT'"),
        ('[login]\nuids = ["ops"]', "login.uids: must be a section of lines such as"),
        ('[login.uids]\n0 = ["a"]\nroot = ["b"]', "'root' is there twice, as name and as number 0"),
        ('store = "/a"\nkey_file = "/a/b/key"', "key_file: lies in the store"),
        ('store = "/a"\nkey_file = "/b/../a/key"', "key_file: lies in the store"),
    ],
)
def test_a_wrong_setting_is_named_with_what_would_be_right(complaint, line, words):
    assert words in complaint(line)


def test_everything_that_is_wrong_is_told_at_once(complaint):
    message = complaint("""
        sokcet = "/x"
        log_level = "loud"
        [access]
        owners = ["no-such-user"]
        [limits]
        max_frame_bytes = 0
    """)

    assert [line.split(":")[0].strip() for line in message.splitlines()[1:]] == [
        "sokcet",
        "log_level",
        "access.owners",
        "limits.max_frame_bytes",
    ]


def test_a_wrong_option_is_named_as_it_was_typed(complaint):
    assert "--log-level: must be one of" in complaint("", log_level="loud")


def test_a_long_value_is_not_repeated_in_full(complaint):
    assert len(complaint(f'log_level = "{"x" * 10_000}"')) < 1000


def test_what_is_not_toml_is_told_with_its_line(complaint):
    assert "is not a TOML file: " in complaint("socket = /run/x")
    assert "line 1" in complaint("socket = /run/x")


def test_what_is_not_text_is_told(tmp_path):
    file = tmp_path / "cubbyd.toml"
    file.write_bytes(b"\xff\xfe")

    with pytest.raises(StartError, match="is not a TOML file"):
        load(file)


def test_a_file_that_is_named_must_be_there(tmp_path):
    with pytest.raises(StartError, match="No such file or directory; name another with --config"):
        load(tmp_path / "nothing.toml")


def test_a_file_that_everybody_can_write_is_refused(config):
    """They could make themselves owners."""
    file = config("")
    file.chmod(0o666)

    with pytest.raises(StartError, match="chmod o-w"):
        load(file)


NAMES = [
    f"{prefix}{field.name}"
    for prefix, section in [
        ("", Settings),
        ("access.", AccessSettings),
        ("login.", LoginSettings),
        ("limits.", LimitSettings),
    ]
    for field in fields(section)
]
VALUES = st.recursive(
    st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3),
)


@given(st.dictionaries(st.sampled_from(NAMES) | st.just("login.uids.0"), VALUES))
def test_any_values_are_read_or_refused(values):
    """Whatever is in the file, nothing but StartError comes out of it."""
    lines = (f"{name} = {json.dumps(value)}\n" for name, value in values.items())
    with NamedTemporaryFile("w", encoding="utf-8", errors="replace") as file:
        file.writelines(lines)
        file.flush()
        with suppress(StartError):
            load(Path(file.name))
