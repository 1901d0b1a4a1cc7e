"""What schemathesis is told of our server: the model to ask for, and which refusals no schema can foresee."""

import re

import schemathesis
from schemathesis.openapi.checks import RejectedPositiveData

MODEL = "tiny"
FORESEEN = re.compile(
    r"there is room for|dimensions=\d+: this model's vectors|the schema|this model cannot write|raw mode does not support"
    r"|is no name of a model"
    r"|is a trained model|\"from\" is missing|none is made of uploaded files|created models already"
)
"""What no schema foresees: a text too long for the model, a JSON Schema that is none, a name that is taken."""


@schemathesis.hook
def map_body(context: schemathesis.HookContext, body: object) -> object:
    """Ask for the model there is wherever a body names some model."""
    if not isinstance(body, dict):
        return body
    names = {key: MODEL for key in ("model", "name", "from", "source") if is_name(body.get(key))}
    return {**body, **names}


def is_name(value: object) -> bool:
    """Whether a schema would take it for a name."""
    return isinstance(value, str) and 0 < len(value) <= 256


@schemathesis.hook
def filter_failure(
    context: schemathesis.HookContext, failure: Exception, case: object, response: schemathesis.Response
) -> bool:
    """Whether a failure counts: a well-formed request may be refused, with a reason that only the model can know."""
    is_foreseen = response.status_code == 400 and FORESEEN.search(response.text)
    return not (isinstance(failure, RejectedPositiveData) and is_foreseen)
