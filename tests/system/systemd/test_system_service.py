"""The system's cubbyd, under the system's manager.

- It starts for the first who connects, at a socket that outlives it.
- Hung, killed or restarted, it loses nothing that was answered, and refuses nobody.
- Who connects is who the kernel says: owner, guest or stranger; and its unit is seen.
- It is told to reload, and takes up what is right; what is wrong changes nothing.
"""

import os
import pwd
import shutil
import signal
import threading
import time

import pytest
from guest import COMMAND, CONFIG, DAEMON, FAILING, HANGING, PYTHON, STATE, configure, now, run
from real_daemon import eventually, lives

from cubbyd.client import Client
from cubbyd.errors import InvalidRequestError, UnavailableError


def test_the_first_who_connects_starts_it(manager):
    assert manager.show("ActiveState") == "inactive"

    with manager.client() as client:
        token = client.wrap({"a": 1}, 60).token
        first = manager.pid
        assert client.unwrap(token).data == {"a": 1}

    assert manager.show("ActiveState") == "active"
    assert manager.show("StatusText") == "serving at /run/cubbyd/cubbyd.sock"
    assert manager.pid == first
    assert (STATE.stat().st_uid, STATE.stat().st_mode & 0o777) == (uid("cubbyd"), 0o700)
    assert (STATE / "key").stat().st_uid == uid("cubbyd")


def uid(name):
    return pwd.getpwnam(name).pw_uid


def test_it_is_ready_when_it_serves_and_not_before(manager):
    """``systemctl start`` comes back when it is said that it serves, and it does."""
    manager.systemctl("start", "cubbyd.service")

    assert manager.show("SubState") == "running"
    assert manager.show("StatusText").startswith("serving at ")
    with manager.client() as client:
        assert client.health()


def test_a_start_that_fails_says_why_and_is_not_ready(manager):
    since = now()
    configure('log_level = "loud"\n')

    assert manager.systemctl("start", "cubbyd.service", check=False).returncode != 0

    manager.systemctl("stop", "cubbyd.socket", "cubbyd.service")
    assert manager.eventually_says("log_level: must be one of", since)
    said = [each for each in manager.journal(since) if "log_level" in each["MESSAGE"]]
    assert said[0]["PRIORITY"] == "3"


def test_it_stops_in_order_and_starts_again_for_the_next(manager):
    with manager.client() as client:
        token = client.wrap({"a": 1}, 60).token
    began = time.monotonic()

    manager.systemctl("stop", "cubbyd.service")

    assert time.monotonic() - began < 5
    assert manager.show("Result") == "success"
    assert manager.show("ExecMainStatus") == "0"
    with manager.client() as client:
        assert client.unwrap(token).data == {"a": 1}


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSEGV], ids=str)
def test_a_crash_loses_nothing_that_was_answered(manager, how):
    with manager.client() as client:
        kept = [client.wrap({"number": number}, 60).token for number in range(20)]

    os.kill(manager.pid, how)

    with manager.client() as client:  # waits in the socket while there is nobody
        assert [client.unwrap(token).data["number"] for token in kept] == [*range(20)]
    assert eventually(lambda: manager.show("NRestarts") == "1")


def test_a_hung_loop_is_restarted(manager):
    command = f'{PYTHON} -I -c "{HANGING}" --config {CONFIG}'
    manager.drop_in(f"[Service]\nWatchdogSec=1\nExecStart=\nExecStart={command}\n")
    with manager.client() as client:
        token = client.wrap({"a": 1}, 60).token
    hung = manager.pid

    os.kill(hung, signal.SIGUSR1)

    # One that waits in the hung daemon loses its connection; the next finds a new daemon.
    assert eventually(lambda: manager.pid not in (0, hung))
    with manager.client() as client:
        assert client.unwrap(token).data == {"a": 1}
    assert manager.show("NRestarts") == "1"
    assert "watchdog" in run("journalctl", "-u", "cubbyd.service", "-n", "40").stdout.decode()


def test_when_the_disk_failed_it_is_not_started_again(manager):
    """Until somebody connects: what is read then may be in memory only."""
    command = f'{PYTHON} -I -c "{FAILING}" --config {CONFIG}'
    manager.drop_in(f"[Service]\nExecStart=\nExecStart={command}\n")
    since = now()
    with manager.client() as client:
        client.wrap({"a": 1}, 60)
        os.kill(manager.disk_pid, signal.SIGUSR1)
        with pytest.raises(UnavailableError):
            client.wrap({"a": 2}, 60)

    assert eventually(lambda: manager.show("ActiveState") == "failed")

    assert manager.show("ExecMainStatus") == "3"
    assert manager.eventually_says("directory cannot be synced", since)
    time.sleep(0.5)  # more than RestartSec=
    assert manager.show("ActiveState") == "failed"
    assert manager.show("NRestarts") == "0"


def test_when_its_process_for_the_disk_is_killed_it_is_started_again(manager):
    """No sync has failed; and what it left unsynced the start syncs."""
    since = now()
    with manager.client() as client:
        token = client.wrap({"a": 1}, 60).token
        os.kill(manager.disk_pid, signal.SIGKILL)
        client.health()
        assert manager.show("NRestarts") == "0"
        with pytest.raises(UnavailableError):
            client.wrap({"a": 2}, 60)

    assert eventually(lambda: manager.show("NRestarts") == "1")
    assert manager.eventually_says("the process that writes to the disk has ended", since)
    with manager.client() as client:
        assert client.unwrap(token).data == {"a": 1}


def test_nobody_is_left_when_the_daemon_is_killed_or_stopped(manager):
    """The process for the disk heeds no SIGTERM, and need not be killed."""
    with manager.client() as client:
        client.wrap({"a": 1}, 60)
    both = [manager.pid, manager.disk_pid]
    os.kill(both[0], signal.SIGKILL)
    assert eventually(lambda: manager.pid not in (0, both[0]))
    with manager.client() as client:
        client.wrap({"a": 1}, 60)
    both += [manager.pid, manager.disk_pid]

    manager.systemctl("stop", "cubbyd.service")

    assert not any(map(lives, both))
    assert manager.show("Result") == "success"


class Customer(threading.Thread):
    """Connects, wraps, unwraps and goes, over and over."""

    def __init__(self, socket, is_over):
        super().__init__()
        self.socket, self.is_over = socket, is_over
        self.served, self.refused = 0, []

    def run(self):
        while not self.is_over.is_set():
            try:
                with Client(None, self.socket) as client:
                    token = client.wrap({"number": self.served}, 60).token
                    assert client.unwrap(token).data == {"number": self.served}
                self.served += 1
            except UnavailableError as error:
                self.refused.append(str(error))


def test_a_restart_under_load_refuses_nobody(manager):
    with manager.client() as client:
        client.health()
    is_over = threading.Event()
    customers = [Customer(manager.socket, is_over) for _ in range(8)]
    for each in customers:
        each.start()
    served_before = []
    for _ in range(4):
        time.sleep(0.3)  # the load is what is tested
        served_before.append(sum(each.served for each in customers))
        manager.systemctl("restart", "cubbyd.service")
    time.sleep(0.3)
    is_over.set()
    for each in customers:
        each.join()

    assert [each.refused for each in customers] == [[]] * len(customers)
    assert served_before == sorted(set(served_before))
    assert min(each.served for each in customers) > 0


def test_who_connects_is_who_the_kernel_says(manager):
    """Owner, guest by user, guest by group, stranger; and a token goes from one to another."""
    configure('[access]\nowners = ["owner"]\nguest_uids = ["guest"]\nguest_gids = ["helpers"]\n')
    since = now()

    wrapped = cubby("owner", "wrap", "password=x", "--field", "wrapping_token").stdout.strip()

    assert b"password" in cubby("guest", "unwrap", stdin=wrapped).stdout
    assert cubby("guest", "unwrap", stdin=wrapped, check=False).returncode == 6
    assert cubby("helper", "login").returncode == 0
    assert cubby("guest", "token", "accessors", check=False).returncode == 4
    assert cubby("owner", "token", "accessors").returncode == 0
    turned_away = cubby("stranger", "login", check=False)
    assert turned_away.returncode == 4
    assert f"uid {uid('stranger')} is neither an owner nor a guest".encode() in turned_away.stderr
    assert manager.eventually_says(f"turned away: uid {uid('stranger')}", since)


def cubby(user, *words, **options):
    return run(*COMMAND, *words, as_user=user, environment={"HOME": "/"}, **options)


def test_the_unit_of_who_connects_is_seen(manager):
    """Through the sandbox: /proc/PID/cgroup is open, and another user's exe is not."""
    run(
        *("systemd-run", "--wait", "--collect", "-q", "--unit=backup-job.service"),
        *(*COMMAND, "wrap", "a=1"),
    )
    manager.stop()

    assert manager.creators() == ["0 backup-job.service"]


def test_it_takes_up_a_new_configuration(manager):
    """Guests are let in from the next connection on; each change is a line in the journal."""
    with manager.client() as client:
        client.health()
    pid, since = manager.pid, now()
    assert cubby("guest", "login", check=False).returncode == 4
    configure('[access]\nguest_uids = ["guest"]\n')

    manager.systemctl("reload", "cubbyd.service")

    assert manager.eventually_says("access.guest_uids is now", since)
    assert cubby("guest", "login").returncode == 0
    assert manager.pid == pid
    assert manager.show("ActiveState") == "active"


def test_a_wrong_configuration_changes_nothing(manager):
    with manager.client() as client:
        client.health()
        pid, since = manager.pid, now()
        configure("[limits]\nmax_wrap_ttl = 60\nmax_warp_ttl = 60\n")

        manager.systemctl("reload", "cubbyd.service")

        assert manager.eventually_says("the configuration stays as it was", since)
        client.wrap({"a": 1}, 120)
        CONFIG.write_text(CONFIG.read_text().replace("max_warp_ttl = 60\n", ""))
        manager.systemctl("reload", "cubbyd.service")
        assert manager.eventually_says("limits.max_wrap_ttl is now", since)
        with pytest.raises(InvalidRequestError):
            client.wrap({"a": 1}, 120)
    assert manager.pid == pid


def test_the_journal_is_told_priorities_and_not_every_request(manager):
    since = now()
    with manager.client() as client:
        for _ in range(50):
            client.unwrap(client.wrap({"marked": "canary-3141"}, 60).token)
    cubby("stranger", "login", check=False)
    assert manager.eventually_says("turned away", since)

    said = manager.journal(since)

    assert [(each["PRIORITY"], each["SYSLOG_IDENTIFIER"]) for each in said] == [
        ("6", "cubbyd"),
        ("4", "cubbyd"),
    ]
    assert "canary-3141" not in str(said)


def test_http_has_a_socket_of_its_own(manager):
    manager.systemctl("start", "cubbyd-http.socket")
    with manager.client() as client:
        client.health()

    assert manager.show("StatusText").endswith("cubbyd.sock and /run/cubbyd/http.sock (HTTP)")
    answer = run("curl", "-s", "--unix-socket", "/run/cubbyd/http.sock", "http://x/v1/sys/health")
    assert b'"initialized":true' in answer.stdout.replace(b" ", b"")


@pytest.mark.parametrize(
    "key", ["", f"SetCredential=cubbyd.key:{'ab' * 32}\n"], ids=["key-file", "credential"]
)
def test_a_dynamic_user_keeps_its_store(manager, key):
    manager.drop_in(f"[Service]\nUser=cubbyd-dynamic\nGroup=\nDynamicUser=yes\n{key}")
    with manager.client() as client:
        token = client.wrap({"a": 1}, 60).token

    manager.systemctl("restart", "cubbyd.service")

    with manager.client() as client:
        assert client.unwrap(token).data == {"a": 1}
        assert client.seal_status()["type"] == ("credential" if key else "key-file")
    assert STATE.is_symlink()
    manager.stop()
    STATE.unlink()
    shutil.move("/var/lib/private/cubbyd", STATE)
    run("chown", "-R", "cubbyd:cubbyd", STATE)


def test_fsck_runs_in_the_units_sandbox_and_by_hand(manager):
    by_hand = (*DAEMON, "fsck", "--config", CONFIG)
    with manager.client() as client:
        accessor = client.wrap({"a": 1}, 60).accessor
        client.wrap({"b": 2}, 60)  # or nothing would open, and the keyring be suspected
    beside = run(*by_hand, as_user="cubbyd", check=False)
    assert beside.returncode == 1
    assert b"another cubbyd has the store" in beside.stderr
    manager.stop()
    assert run(*by_hand, as_user="cubbyd").returncode == 0
    (STATE / "store" / accessor).write_bytes(b"no such thing")
    command = " ".join(map(str, (*by_hand, "--quarantine")))
    manager.drop_in(f"[Service]\nType=oneshot\nRestart=no\nExecStart=\nExecStart={command}\n")

    manager.systemctl("start", "cubbyd.service", check=False)

    assert manager.show("ExecMainStatus") == "4"  # found, and moved aside
    assert not (STATE / "store" / accessor).exists()
