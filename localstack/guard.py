"""LocalStack's gateway for keys with limited rights: a request is checked as LocalStack itself has parsed it.

A separate parser before LocalStack could be bypassed wherever the two differ: bucket names in the host, encoded
slashes, headers that turn one operation into another.
"""

from typing import Any

from access_control import RIGHTS
from localstack.aws import handlers
from localstack.aws.api import RequestContext
from localstack.aws.app import LocalstackAwsGateway
from localstack.aws.gateway import Gateway
from refusal import RefusedError, answer
from rights import check

# Handlers that answer without an operation (pages, websites), or trust a caller's header.
_LEFT_OUT = (
    handlers.serve_localstack_resources,
    handlers.serve_edge_router_rules,
    handlers.add_internal_request_params,
)
_LET_IN = "closecast.let_in"  # in the request's WSGI environment


def limited(gateway: LocalstackAwsGateway) -> Gateway:
    """`gateway` with a guard before all operations. Raises ValueError for a LocalStack with other handlers."""
    kept = list(gateway.request_handlers)
    for handler in _LEFT_OUT:
        kept.remove(handler)
    kept.insert(kept.index(gateway.service_request_router), _guard)
    return Gateway(
        kept,
        [_unjudged, *gateway.response_handlers],
        gateway.finalizers,
        gateway.exception_handlers,
        gateway.context_class,
    )


def _guard(chain: Any, context: RequestContext, response: Any) -> None:
    service = context.service.service_name if context.service else "unknown"
    operation = context.operation.name if context.operation else "unknown"
    try:
        check(context.request.environ[RIGHTS], service, operation, context.service_request or {})
    except RefusedError as refused:
        _refuse(refused, chain, context, response)
    else:
        context.request.environ[_LET_IN] = True


def _unjudged(chain: Any, context: RequestContext, response: Any) -> None:
    """Refuse answers and errors from before the guard, when LocalStack had not determined the operation."""
    if _LET_IN not in context.request.environ:
        _refuse(RefusedError("AccessDenied", "LocalStack cannot tell what is asked for"), chain, context, response)


def _refuse(refused: RefusedError, chain: Any, context: RequestContext, response: Any) -> None:
    headers, payload = answer(refused, lambda name: context.request.headers.get(name, ""))
    response.status_code = 403
    response.data = b"" if context.request.method == "HEAD" else payload
    response.headers.clear()
    response.headers.extend(headers)
    chain.terminate()
