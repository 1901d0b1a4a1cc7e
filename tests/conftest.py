"""Every tensor that the rooms of the model pass around is held against the shape in its signature, in the whole test run."""

from jaxtyping import install_import_hook

install_import_hook(["handspun.model", "handspun.train", "handspun.generate"], "beartype.beartype")
