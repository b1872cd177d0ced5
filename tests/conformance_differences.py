"""Where cubbyd answers otherwise than the real server on purpose, whichever door is asked.

Each is listed by name, with the reason and with what is answered; a door adds its own. The
accidents of the other server ("quirk" in the trace) are no exception.
"""

from conformance import Difference

from cubbyd.errors import multierror


def envelope(data):
    """An answer with this data."""
    return {
        "request_id": "<uuid>",
        "lease_id": "",
        "renewable": False,
        "lease_duration": 0,
        "data": data,
        "wrap_info": None,
        "warnings": None,
        "auth": None,
    }


def rewrapped(ttl):
    info = {
        "token": "<token>",
        "accessor": "<accessor>",
        "ttl": ttl,
        "creation_time": "<rfc3339>",
        "creation_path": "sys/wrapping/wrap",
    }
    return {**envelope(None), "request_id": "", "wrap_info": info}


def errors(*texts):
    return {"errors": [*texts]}


WRAP_TTL = "error parsing X-Vault-Wrap-TTL header: requested wrap ttl "
SECRET = envelope({"k": "v"})

HEALTH = {
    "initialized": True,
    "sealed": False,
    "standby": False,
    "server_time_utc": "<unix>",
    "version": "<version>",
}
SEAL_STATUS = {
    "type": "key-file",
    "initialized": True,
    "sealed": False,
    "t": 0,
    "n": 0,
    "progress": 0,
    "nonce": "",
    "recovery_seal": False,
    "migration": False,
    "version": "<version>",
    "storage_type": "file",
}

AT_EVERY_DOOR = [
    Difference(
        why="custom token ids are not supported: who has disk and keys could guess them",
        steps={"cubby-revoked": [1]},
        status=400,
        body=errors("custom token IDs are not supported"),
        then={1: {"data": {"policies": ["default"]}}},
    ),
    Difference(
        why="the same, for the token that would have had the id of a revoked one",
        steps={"cubby-revoked": [6]},
        status=400,
        body=errors("custom token IDs are not supported"),
        then={6: {"data": {"policies": ["default"]}}},
    ),
    Difference(
        why="an empty write is the caller's mistake, not the daemon's",
        steps={"wrap-other-responses": [14]},
        status=400,
        body=errors(multierror("missing data fields")),
    ),
    Difference(
        why="a list of nothing is the same 404, wrapped or not",
        steps={"cubby-missing": [9], "wrap-other-responses": [10]},
        status=404,
        body=errors(),
    ),
    Difference(
        why="a policy's rule holds for the path as it was written, and that has no slash",
        steps={"cubby-path-empty-or-slash": [4]},
        status=403,
        body=errors(multierror("permission denied")),
    ),
    Difference(
        why="wrap_info counts whole seconds, and 0 would not be the truth",
        steps={"wrap-ttl-syntax": [9]},
        status=400,
        body=errors(f"{WRAP_TTL}is below one second"),
    ),
    Difference(
        why="the longest wrap TTL is a setting",
        steps={"wrap-ttl-syntax": [12]},
        status=400,
        body=errors(f"{WRAP_TTL}exceeds the 2764800s allowed"),
    ),
    Difference(
        why="policy default grants rewrap: who could unwrap the secret can surely move it",
        steps={"rewrap": [18]},
        status=200,
        body=rewrapped(60),
        then={17: {}},
    ),
    Difference(
        why="the same token in header and body unwraps it",
        steps={"unwrap-forms": [6]},
        status=200,
        body=SECRET,
    ),
    Difference(
        why="a refused request never spends a wrapping token",
        steps={
            "unwrap-forms": [18],
            "rewrap": [16],
            "wrapping-token-as-token": [18, 21, 24, 27, 30, 33, 36, 39, 42],
        },
        status=200,
        body=SECRET,
    ),
]
