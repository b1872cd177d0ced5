"""The path of a request: load, decide, commit, reply. The only awaits on the way are here.

The order of the checks decides which refusal a request gets, and what it costs; it is OpenBao's.
Loading and deciding happen without a pause, so a decision holds until its changes are in flight;
a decision that meets a record with a change in flight is put off until that has settled.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Final, Protocol, TypeVar

from cubbyd.clock import Clock
from cubbyd.core.outcome import Change, KeyChange, Outcome
from cubbyd.core.path import check_absolute, check_writable, parse_path
from cubbyd.core.policy import Acl, Capability
from cubbyd.errors import (
    NotFoundError,
    PermissionDeniedError,
    RefusedError,
    SealedError,
    UnsupportedOperationError,
    multierror,
)
from cubbyd.logical import wrapping
from cubbyd.logical.access import Acls, Caller, identify, permitting_rule
from cubbyd.logical.context import Context, Route, Rules, nothing
from cubbyd.logical.fields import Fields
from cubbyd.logical.routes import find, nowhere
from cubbyd.logical.tokens import Known, Records, Tokens
from cubbyd.messages import Operation, Request, Response
from cubbyd.secret import Secret
from cubbyd.store.commit import InFlightError
from cubbyd.value import Map

T = TypeVar("T")

_WRITE: Final = Operation.WRITE
_CHANGING: Final = (_WRITE, Operation.PATCH)
_ASKING: Final = (Operation.READ, Operation.LIST)

_NOBODY: Final = Caller(acl=Acl(()), policies=(), display_name="")


class TransactionalRecords(Records, Protocol):
    """What the router needs of the store: records to decide on, and changes made durable."""

    @property
    def is_sealed(self) -> bool:
        """Whether the keys have gone meanwhile."""
        ...

    async def commit(self, phases: Sequence[Sequence[Change]]) -> None:
        """Make changes durable, phase after phase."""
        ...


class Router:
    """Maps operation and path to a handler, and carries out what the handler decides."""

    def __init__(
        self,
        store: TransactionalRecords,
        rules: Rules,
        *,
        clock: Clock,
        request_id: Callable[[], str],
        change_keys: Callable[[KeyChange], Awaitable[None]],
    ) -> None:
        """``change_keys`` does what is decided about the keys that open the store."""
        self._store = store
        self._change_keys = change_keys
        self._rules = rules
        self._clock = clock
        self._request_id = request_id
        self._acls = Acls()

    async def answer(self, request: Request, encode: Callable[[Response], T]) -> T:
        """Serve one request.

        Args:
            request: From any door.
            encode: Turns the answer into what the door sends, and refuses one that cannot be
                sent: before anything is committed, so no secret is spent on it.

        Raises:
            RefusedError: What the client is told instead.
            StoreError: Nobody knows what is on disk; the daemon stops.
        """
        while True:
            if self._store.is_sealed:
                raise SealedError
            try:
                reply, phases, afterwards = self._decide(request, encode)
                if phases:
                    # Durable before anyone hears of it: a crash may lose a reply, never revive a
                    # token.
                    await self._store.commit(phases)
            except InFlightError as change:
                await change.settled()
            else:
                break
        if isinstance(reply, RefusedError):
            raise reply
        if afterwards is not None:
            await self._change_keys(afterwards)
        return reply

    def _decide(
        self, request: Request, encode: Callable[[Response], T]
    ) -> tuple[T | RefusedError, list[list[Change]], KeyChange | None]:
        """The reply, or what refuses the request, and the changes that come with either."""
        tokens = Tokens(self._store, self._clock())
        caller = _NOBODY
        reply: T | RefusedError
        outcome: Outcome[Response | None]
        try:
            context, route = self._admit(request, tokens)
            caller = context.caller  # from here on a use is spent, whatever follows
            outcome = self._perform(context, route)
            reply = encode(outcome.reply)
        except RefusedError as error:
            reply, outcome = error, nothing()
        if tokens.burials:
            outcome = outcome._replace(changes=(*outcome.changes, *tokens.burials))
        return reply, outcome.phases(caller.spent_use()), outcome.afterwards

    def _admit(self, request: Request, tokens: Tokens) -> tuple[Context, Route | None]:
        """All that costs the caller nothing: what is asked, and by whom."""
        path = parse_path(request.path, max_bytes=self._rules.max_path_bytes)
        route = find(request.operation, path)
        wrap_ttl = 0.0
        if route is None or route.is_logical:
            wrap_ttl = wrapping.parse_wrap_ttl(request.wrap_ttl, self._rules)
        check_absolute(path)
        if request.operation in _CHANGING:
            check_writable(path)
        wrapped: tuple[Secret, Known] | None = None
        if route is not None and route.is_about_wrapping:
            wrapped = wrapping.validate(request, tokens)
        elif route is not None and route.names_token:
            _check_token(request.data)
        if route is None or route.needs_caller:
            caller = identify(
                request, tokens, self._acls, owner_needs_token=self._rules.owner_needs_token
            )
        else:
            caller = _NOBODY
        context = Context(
            request=request,
            path=path,
            fields=Fields(request.data),
            tokens=tokens,
            caller=caller,
            acls=self._acls,
            rules=self._rules,
            new_id=self._request_id,
            wrap_ttl=wrap_ttl,
            wrapped=wrapped,
        )
        return context, route

    def _perform(self, context: Context, route: Route | None) -> Outcome[Response]:
        """All that may cost a use: the permission, the handler, and the wrapping."""
        operation = context.request.operation
        if route is None or route.needs_caller:
            _authorize(context, route)
        if route is None:
            raise nowhere(operation, context.path)
        handler = route.handlers.get(operation)
        if handler is None:
            raise UnsupportedOperationError(multierror("unsupported operation"))
        outcome = handler(context)
        response = outcome.reply
        if response is None:
            if operation in _ASKING:
                raise NotFoundError
            return outcome.saying(Response(request_id=self._request_id()))
        if not response.request_id and response.wrap_info is None:
            response = replace(response, request_id=self._request_id())
        takes_any = route.fields is None and operation is _WRITE
        if not takes_any and (extra := context.fields.unrecognized(route.fields or ())):
            words = f"Endpoint ignored these unrecognized parameters: [{' '.join(extra)}]"
            response = replace(response, warnings=(*response.warnings, words))
        whole = outcome.saying(response)
        return wrapping.wrap_reply(context, whole) if route.is_logical else whole


def _authorize(context: Context, route: Route | None) -> None:
    """Refuse what the caller's policies do not grant, or not with this wrap TTL."""
    rule = permitting_rule(
        context.caller,
        context.request.operation,
        context.path,
        exists=lambda: route is None or route.exists(context),
    )
    lacks_sudo = route is not None and route.needs_sudo and Capability.SUDO not in rule.capabilities
    if lacks_sudo or not rule.allows_wrapping(context.wrap_ttl):
        raise PermissionDeniedError(multierror("permission denied"))


def _check_token(data: Map | None) -> None:
    if data is not None and not isinstance(data.get("token", ""), str):
        raise PermissionDeniedError("invalid token")
