"""A checkpoint of several processes, put together as one process would have written it, for any tool to read."""

from handspun.checkpoint import Checkpoint, new_folder
from handspun.files import MANIFEST, verify_folder, write_bytes
from handspun.tensors import write_tensors

PIECES = "shard-*.safetensors"


def consolidate(checkpoint: Checkpoint) -> bool:
    """Replace a checkpoint in pieces by a whole one, one tensor at a time in memory; false where it is whole already.

    At any crash one of the two is there. Raises DamagedFileError, DiskFullError.
    """
    folder, weights, state = checkpoint.folder, checkpoint.weights, checkpoint.trainer_state
    if not any(folder.glob(PIECES)):
        return False
    verify_folder(folder)
    n_bytes = sum(tensor.nbytes for part in (weights, state) for tensor in part.blueprint().values())
    with new_folder(folder.parent, checkpoint.step, n_bytes) as whole:
        write_tensors(whole / "model.safetensors", weights, weights.blueprint())
        write_tensors(whole / "trainer.safetensors", state, state.blueprint())
        for path in folder.iterdir():
            if path.name != MANIFEST and not path.match(PIECES):
                write_bytes(whole / path.name, path.read_bytes())
    return True
