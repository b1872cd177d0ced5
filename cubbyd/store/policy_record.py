"""A policy's file: one sealed section with its name, its text and its rules.

Rules are kept beside the text they were read from, so that a policy written through a door that
reads HCL holds also where nothing reads HCL any more.
"""

from hashlib import blake2b
from typing import Final

from cubbyd import codec
from cubbyd.core.policy import Capability, Policy, Rule
from cubbyd.core.token import is_accessor
from cubbyd.crypto.keys import ACCESSOR_BYTES, RootKeys
from cubbyd.errors import IntegrityError, MalformedFrameError, SealBrokenError
from cubbyd.store.sealed_file import Random, Section, open_file, seal_file
from cubbyd.value import Map, Value

PREFIX: Final = "policy-"
"""What a policy's file name begins with; 32 hex digits follow."""

_CAPABILITIES = {capability.value: capability for capability in Capability}


def file_name(name: str, keys: RootKeys) -> str:
    """The name of a policy's file, which does not tell the policy's.

    No token begins like the hashed text, so no token's accessor is ever a policy's.
    """
    key = keys.accessor_key.reveal()
    digest = blake2b(b"policy " + name.encode(), key=key, digest_size=ACCESSOR_BYTES)
    return PREFIX + digest.hexdigest()


def digits(file_name: str) -> str:
    """What a policy's file name says after its beginning: what its seal is bound to."""
    return file_name.removeprefix(PREFIX)


def is_file_name(name: str) -> bool:
    """Whether a name has the form of a policy's file's; a copy beside it, say, has not."""
    return name.startswith(PREFIX) and is_accessor(digits(name))


def encode(policy: Policy, keys: RootKeys, random: Random) -> bytes:
    """The policy as a file."""
    fields: Map = {
        "name": policy.name,
        "text": policy.text,
        "rules": [_rule_to_map(rule) for rule in policy.rules],
        "version": policy.version,
        "modified_at": policy.modified_at,
    }
    name = digits(file_name(policy.name, keys))
    return seal_file(codec.encode(fields), Section.POLICY, name, keys=keys, random=random)


def decode(file: bytes, name: str, keys: RootKeys) -> Policy:
    """The policy in a file that lay under this file name.

    Raises:
        SealBrokenError: It does not open as this file's.
        IntegrityError: It is a policy whose file has another name.
        UnknownFormatError: It is of another format version, or of a term that the keyring lacks.
    """
    opened = open_file(file, Section.POLICY, digits(name), keys=keys)
    if opened.rest:
        raise SealBrokenError("a policy's file is longer than its header says")
    try:
        fields = codec.decode_own(opened.plaintext)
    except MalformedFrameError:
        fields = None
    match fields:
        case {
            "name": str(policy_name),
            "text": str(text),
            "rules": list(rules),
            "version": int(version),
            "modified_at": int(modified_at) | float(modified_at),
        }:
            policy = Policy(
                name=policy_name,
                text=text,
                rules=tuple(_rule_from(rule) for rule in rules),
                version=version,
                modified_at=modified_at,
            )
        case _:
            raise SealBrokenError("a policy's file cannot be understood")
    if file_name(policy.name, keys) != name:
        raise IntegrityError("a policy's file has another's name")
    return policy


def _rule_to_map(rule: Rule) -> Map:
    fields: Map = {
        "path": rule.path,
        "capabilities": [*sorted(capability.value for capability in rule.capabilities)],
        "min_wrapping_ttl": rule.min_wrapping_ttl,
        "max_wrapping_ttl": rule.max_wrapping_ttl,
    }
    return fields


def _rule_from(fields: Value) -> Rule:
    match fields:
        case {
            "path": str(path),
            "capabilities": list(words),
            "min_wrapping_ttl": None | int() | float() as shortest,
            "max_wrapping_ttl": None | int() | float() as longest,
        } if all(isinstance(word, str) and word in _CAPABILITIES for word in words):
            return Rule(
                path=path,
                capabilities=frozenset(_CAPABILITIES[str(word)] for word in words),
                min_wrapping_ttl=shortest,
                max_wrapping_ttl=longest,
            )
        case _:
            raise SealBrokenError("a policy's rule cannot be understood")
