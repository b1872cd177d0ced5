"""What the tests do with the systemd around them, and with the cubbyd that it runs."""

import json
import os
import pwd
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from real_daemon import children, eventually

from cubbyd.client import Client

PYTHON = Path(os.environ.get("CUBBYD_TEST_VENV", sys.prefix)) / "bin" / "python3"
"""Of the installation under test, which lies where a sandbox lets it be read."""
DAEMON = (PYTHON, "-I", "-m", "cubbyd.cli.serve")
COMMAND = (PYTHON, "-I", "-m", "cubbyd.cli.main")
CONFIG = Path("/etc/cubbyd/cubbyd.toml")
STATE = Path("/var/lib/cubbyd")
MEASURES = ("keys_locked", "keys_not_dumped", "no_core_dumps", "not_dumpable", "no_swap")
PATIENCE = 30

# How a test hangs the event loop of a real daemon: a handler runs where the loop would.
HANGING = (
    "import signal, time; "
    "signal.signal(signal.SIGUSR1, lambda *_: time.sleep(1000)); "
    "from cubbyd.cli.serve import main; main()"
)

# How a test has its disk fail: from a signal on, which the process for the disk must get, no
# directory can be synced.
FAILING = (
    "import errno, signal; "
    "from cubbyd.store.files import DiskFiles; "
    "failure = OSError(errno.EIO, 'Input/output error'); "
    "fail = lambda _: (_ for _ in ()).throw(failure); "
    "signal.signal(signal.SIGUSR1, lambda *_: setattr(DiskFiles, 'sync', fail)); "
    "from cubbyd.cli.serve import main; main()"
)


READER = """
import sys
from pathlib import Path
from cubbyd import config, daemon
from cubbyd.core.token import is_accessor
from cubbyd.store import record

settings = config.load(Path(sys.argv[1]) if sys.argv[1:] else None)
with daemon.opened_offline(settings, ask=input) as (files, keys):
    for name in filter(is_accessor, files.names()):
        creator = record.decode(files.read(name), name, keys).entry.creator
        print(creator.uid, creator.unit)
"""


REKEYING = """
import os, sys
from dataclasses import replace
from pathlib import Path
from cubbyd import config
from cubbyd.crypto.opener import Argon2id, KeySource, Opener
from cubbyd.secret import Secret
from cubbyd.store import batch, keyring
from cubbyd.store.files import DiskFiles
from cubbyd.store.key_places import KeyPlaces

_, path, passphrase, opslimit, memlimit = sys.argv
settings = config.load(Path(path))
files = DiskFiles(settings.store)
with files.locked():
    keys = keyring.load_or_create(files, KeyPlaces(settings.key_file), os.urandom)
    made = Argon2id(os.urandom(16), int(opslimit), int(memlimit))
    opener = Opener(
        key=made.derive(Secret(passphrase.encode())), source=KeySource.PASSPHRASE, argon2id=made
    )
    batch.apply(files, [[keyring.rewriting(replace(keys, opener=opener), os.urandom)]])
settings.key_file.unlink()
"""


def run(*words, as_user=None, check=True, stdin=b"", environment=None):
    """Run a program, by root or somebody else; returns what it said and how it ended."""
    command = [str(word) for word in words]
    if as_user is not None:
        command = ["runuser", "-u", as_user, "--", *command]
    ran = subprocess.run(
        command,
        input=stdin,
        capture_output=True,
        check=False,
        timeout=PATIENCE,
        cwd="/",
        env=os.environ | (environment or {}),
    )
    if check:
        assert ran.returncode == 0, (command, ran.stdout.decode(), ran.stderr.decode())
    return ran


@dataclass
class Manager:
    """A systemd, the system's or a user's, and the units of cubbyd in it."""

    user: str | None = None

    @property
    def flags(self):
        return [] if self.user is None else ["--user"]

    @property
    def environment(self):
        if self.user is None:
            return {}
        account = pwd.getpwnam(self.user)
        return {
            "XDG_RUNTIME_DIR": f"/run/user/{account.pw_uid}",
            "HOME": account.pw_dir,
        }

    @property
    def socket(self):
        return Path(self.environment.get("XDG_RUNTIME_DIR", "/run"), "cubbyd", "cubbyd.sock")

    @property
    def units(self):
        if self.user is None:
            return Path("/etc/systemd/system")
        return Path(self.environment["HOME"], ".config/systemd/user")

    def run(self, *words, **options):
        return run(*words, as_user=self.user, environment=self.environment, **options)

    def systemctl(self, *words, **options):
        return self.run("systemctl", *self.flags, *words, **options)

    def show(self, name, unit="cubbyd.service"):
        """A property of a unit."""
        return self.systemctl("show", "--value", "-p", name, unit).stdout.decode().strip()

    @property
    def pid(self):
        return int(self.show("MainPID"))

    @property
    def disk_pid(self):
        """The daemon's process for the disk."""
        [pid] = children(self.pid)
        return pid

    def drop_in(self, text, unit="cubbyd.service"):
        """Change a unit until the next ``reset``."""
        directory = self.units / f"{unit}.d"
        directory.mkdir(exist_ok=True)
        (directory / "test.conf").write_text(text)
        run("chmod", "-R", "a+rX", directory)
        self.systemctl("daemon-reload")

    @property
    def places(self):
        """Where it keeps what it keeps."""
        if self.user is None:
            return [STATE]
        home = Path(self.environment["HOME"])
        return [home / ".local/share/cubbyd", home / ".config/cubbyd"]

    def reset(self):
        """Stop it all, and forget failures, changes, and the store."""
        self.stop()
        for each in (path for place in self.places for path in place.glob("*")):
            shutil.rmtree(each) if each.is_dir() else each.unlink()
        changes = [*self.units.glob("cubbyd*.d")]
        for directory in changes:
            shutil.rmtree(directory)
        if changes:
            self.systemctl("daemon-reload")
        self.systemctl("reset-failed", check=False)

    def stop(self):
        names = ("cubbyd.socket", "cubbyd-http.socket", "cubbyd.service")
        self.systemctl("stop", *names)

    def client(self, token=None):
        return Client(token, self.socket)

    def cubby(self, *words, **options):
        return self.run(*COMMAND, "--socket", self.socket, *words, **options)

    def creators(self):
        """Who made each token, as the daemon saw it; while it does not run."""
        if self.user is None:
            ran = run(PYTHON, "-I", "-c", READER, CONFIG, as_user="cubbyd")
        else:
            ran = self.run(PYTHON, "-I", "-c", READER)
        return ran.stdout.decode().splitlines()

    def lock_with(self, passphrase, *, opslimit=1, memlimit=8192):
        """Have a passphrase open the system's store, which is made if need be; not while it runs.

        One that is tried at once, unless told otherwise: what it takes is not always the point.
        """
        words = (CONFIG, passphrase, opslimit, memlimit)
        run(PYTHON, "-I", "-c", REKEYING, *words, as_user="cubbyd")

    def journal(self, since):
        """Messages of cubbyd itself, from a moment on: those of systemd about it left out."""
        self.run("journalctl", "--sync", check=False)
        flag = "_SYSTEMD_UNIT" if self.user is None else "_SYSTEMD_USER_UNIT"
        ran = run("journalctl", "-o", "json", "--since", f"@{since:.6f}", f"{flag}=cubbyd.service")
        return [json.loads(line) for line in ran.stdout.splitlines()]

    def score(self, *words):
        """What ``systemd-analyze security`` ends with: the overall exposure."""
        told = self.run("systemd-analyze", *self.flags, "security", *words).stdout.decode()
        line = next(each for each in told.splitlines() if "Overall exposure level" in each)
        return float(line.split(": ")[1].split()[0])

    def measures(self):
        """What ``cubby status`` says of the daemon's memory."""
        status = json.loads(self.cubby("status", "--format", "json").stdout)["data"]
        return {name: status[name] for name in MEASURES}

    def eventually_says(self, words, since):
        return eventually(
            lambda: any(words in str(each["MESSAGE"]) for each in self.journal(since))
        )


def configure(text):
    """Add to the configuration of the system's."""
    CONFIG.write_text(CONFIG.read_text() + text)


def now():
    """The journal's time."""
    return time.time()
