"""What schemathesis is told of our server: the model to ask for, and which refusals no schema can foresee."""

import re

import schemathesis
from schemathesis.openapi.checks import RejectedPositiveData

MODEL, INDEX = "tiny", "docs"
FORESEEN = re.compile(
    r"there is room for|dimensions=\d+: this model's vectors|the schema|this model cannot write|raw mode does not support"
    r"|is no name of a model"
    r"|an index answers|vectors come from a model alone"
    r"|is a trained model|\"from\" is missing|none is made of uploaded files|created models already"
)
"""What no schema foresees: a text too long for the model, a JSON Schema that is none, a name that is taken."""


@schemathesis.hook
def map_body(context: schemathesis.HookContext, body: object) -> object:
    """Ask for the model and the index there are wherever a body names some."""
    if not isinstance(body, dict):
        return body
    names = {key: MODEL for key in ("model", "name", "from", "source") if is_name(body.get(key))}
    indexes = {"index": INDEX} if is_index(body.get("index")) else {}
    options = body.get("options")
    if isinstance(options, dict) and is_index(options.get("index")):
        indexes["options"] = {**options, "index": INDEX}
    return {**body, **names, **indexes}


def is_name(value: object) -> bool:
    """Whether a schema would take it for a name."""
    return isinstance(value, str) and 0 < len(value) <= 256


def is_index(value: object) -> bool:
    """Whether a schema would take it for the name of an index."""
    return isinstance(value, str) and 0 < len(value) <= 128


@schemathesis.hook
def filter_failure(
    context: schemathesis.HookContext, failure: Exception, case: object, response: schemathesis.Response
) -> bool:
    """Whether a failure counts: a well-formed request may be refused, with a reason that only the model can know."""
    is_foreseen = response.status_code == 400 and FORESEEN.search(response.text)
    return not (isinstance(failure, RejectedPositiveData) and is_foreseen)
