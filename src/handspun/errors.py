"""What can go wrong for a user, drawn as a tree.

HandspunError              one sentence: what, where, and the remedy; exit code 1, no traceback
├── UsageError             a command line that is not a verb with its arguments; exit code 2
├── SettingsError          a recipe or an override that cannot be
├── CorpusError            text that is missing, unreadable or too bad to go on with
├── TokenizerError         a tokenizer that cannot be learnt, loaded or trusted
├── DamagedFileError       a file whose bytes are not the bytes we wrote
├── DiskFullError          no room to write; what was there before is still there
├── RunError               a run folder that is locked, or belongs to another recipe
├── CheckpointError        no whole checkpoint, or one of another shape
├── QuantizeError          weights that would lose too much, or nothing to measure the loss on
├── DeviceError            a device that is absent, or too small for what was asked
├── RetrieveError          an index that is absent, of another kind, or not whole
├── ExportError            a model that another program's format does not hold
├── PromptError            a prompt that the model cannot take
├── BusyError              more requests than may wait; ask again later
├── ModelNotFoundError     a name under which no model is served
├── IndexNotFoundError     a name under which no index is served, or a passage that it has no more
├── RefusedError           something asked of a server that it does not do
└── PortError              an address that a server cannot listen on
"""


class HandspunError(Exception):
    """Something the user can mend. The message is one sentence that names the thing, its value and the remedy."""


class UsageError(HandspunError):
    """A command line that is not a verb with its arguments."""


class SettingsError(HandspunError):
    """A recipe or an override that cannot be."""


class CorpusError(HandspunError):
    """Text that is missing, unreadable or too bad to go on with."""


class TokenizerError(HandspunError):
    """A tokenizer that cannot be learnt, loaded or trusted."""


class DamagedFileError(HandspunError):
    """A file whose bytes are not the bytes we wrote."""


class DiskFullError(HandspunError):
    """No room to write; what was there before is still there."""


class RunError(HandspunError):
    """A run folder that is locked, or that belongs to another recipe."""


class CheckpointError(HandspunError):
    """No whole checkpoint, or one of another shape."""


class QuantizeError(HandspunError):
    """Weights that would lose too much, or nothing to measure the loss on."""


class DeviceError(HandspunError):
    """A device that is absent, or too small for what was asked."""


class RetrieveError(HandspunError):
    """An index that is absent, of another kind, or not whole."""


class ExportError(HandspunError):
    """A model that another program's format does not hold."""


class PromptError(HandspunError):
    """A prompt that the model cannot take."""


class BusyError(HandspunError):
    """More requests than may wait; ask again later."""


class ModelNotFoundError(HandspunError):
    """A name under which no model is served."""


class IndexNotFoundError(HandspunError):
    """A name under which no index is served, or a passage that it has no more."""


class RefusedError(HandspunError):
    """Something asked of a server that it does not do."""


class PortError(HandspunError):
    """An address that a server cannot listen on."""
