"""What the operating system refuses, said in a sentence."""

import errno

NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
REFUSALS = {
    errno.EACCES: "may not be opened; change its permissions, or name another.",
    errno.EPERM: "may not be opened; change its permissions, or name another.",
    errno.EROFS: "cannot be written, because its disk is read-only; name a place on another one.",
    errno.EEXIST: "is a file, and a folder is needed there; name another place.",
    errno.ENOTDIR: "lies below a file, where only a folder can be; name another place.",
    errno.ENAMETOOLONG: "is too long for the name of a file; give a shorter one.",
}


def sentence_of(error: OSError) -> str | None:
    """What is wrong, for whoever can mend it; None where it is our own mistake."""
    if error.errno in NO_ROOM:
        return f"no room for {error.filename or 'what is written'}; free some space, or name another place."
    if error.filename is None or error.errno not in REFUSALS:
        return None
    return f"{error.filename} {REFUSALS[error.errno]}"
