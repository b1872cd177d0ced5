"""Who is let in as what, and what a cgroup tells about a process.

The rules: the daemon's own uid and root are owners; the overflow id is nobody's, whatever the
configuration says; a user's unit never passes for one of the system's.
"""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cubbyd.messages import Role
from cubbyd.server.peer import OVERFLOW_ID, Access, Credentials, unit_of

ACCESS = Access(
    daemon_uid=1000,
    owner_uids=frozenset({1001}),
    guest_uids=frozenset({1002}),
    guest_gids=frozenset({50}),
)


@pytest.mark.parametrize(
    ("uid", "gid", "groups", "role"),
    [
        (0, 0, (), Role.OWNER),
        (1000, 1000, (), Role.OWNER),
        (1001, 1001, (), Role.OWNER),
        (1002, 1002, (), Role.GUEST),
        (1003, 50, (), Role.GUEST),
        (1003, 1003, (7, 50), Role.GUEST),
        (1003, 1003, (7,), None),
        (OVERFLOW_ID, 50, (50,), None),
    ],
)
def test_the_role_follows_from_uid_and_groups(uid, gid, groups, role):
    assert ACCESS.role(Credentials(uid=uid, gid=gid, pid=1, groups=groups)) is role


@given(st.integers(0, 3), st.integers(0, 3))
def test_the_overflow_id_is_granted_nothing(pid, gid):
    """Even a configuration that names it, by some other way than ours, opens nothing."""
    everybody = frozenset({OVERFLOW_ID})
    access = Access(
        daemon_uid=OVERFLOW_ID, owner_uids=everybody, guest_uids=everybody, guest_gids=everybody
    )
    unmapped = Credentials(uid=OVERFLOW_ID, gid=gid, pid=pid, groups=(OVERFLOW_ID,))
    in_unmapped_groups = Credentials(uid=7, gid=OVERFLOW_ID, pid=pid, groups=(OVERFLOW_ID,))

    assert access.role(unmapped) is None
    assert access.role(in_unmapped_groups) is None


USER = "/user.slice/user-1000.slice"


@pytest.mark.parametrize(
    ("cgroups", "unit"),
    [
        ("0::/system.slice/nginx.service\n", "nginx.service"),
        ("0::/system.slice/system-getty.slice/getty@tty1.service\n", "getty@tty1.service"),
        ("0::/system.slice/nginx.service/worker\n", "nginx.service"),
        ("0::/system.slice/_cpu.service\n", "cpu.service"),
        ("0::/machine.slice/libpod-3f.scope/container\n", "libpod-3f.scope"),
        (f"0::{USER}/session-3.scope\n", "session-3.scope"),
        (
            f"0::{USER}/user@1000.service/app.slice/backup.service\n",
            "user@1000.service/backup.service",
        ),
        (f"0::{USER}/user@1000.service/init.scope\n", "user@1000.service/init.scope"),
        (f"0::{USER}/user@1000.service/app.slice\n", "user@1000.service"),
        ("9:pids:/\n1:name=systemd:/system.slice/cron.service\n", "cron.service"),
        ("1:name=systemd:/system.slice/cron.service\n0::/\n", "cron.service"),
        ("1:name=systemd:/\n0::/system.slice/cron.service\n", "cron.service"),
        ("4:memory:/system.slice/not-systemds.service\n0::/\n", None),
        ("0::/\n", None),
        ("0::/init.scope\n", "init.scope"),
        ("0::/../../system.slice/outside.service\n", None),
        ("0::/docker/4be\n", None),
        ("0::/system.slice/b\\012ad.service\n", "b\\012ad.service"),
        ("0::/system.slice/b ad.service\n", None),
        (f"0::/system.slice/{'x' * 300}.service\n", None),
        ("", None),
        ("nonsense\n", None),
    ],
)
def test_the_unit_is_read_from_the_cgroup(cgroups, unit):
    assert unit_of(cgroups) == unit


@given(st.text(st.characters(exclude_characters="\n")))
@example("\r0::/system.slice/sshd.service")
@example("\u20280::/system.slice/sshd.service")
def test_a_users_unit_never_passes_for_the_systems(name):
    """Below the user's manager the user makes cgroups at will; the kernel forbids only newlines."""
    unit = unit_of(f"0::{USER}/user@1000.service/{name}")

    assert unit == "user@1000.service" or unit.startswith("user@1000.service/")


@given(st.text())
def test_any_text_names_a_unit_or_none(text):
    unit = unit_of(text)

    assert unit is None or unit.endswith((".service", ".scope"))
