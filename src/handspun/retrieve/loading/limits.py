"""How much of a file is looked at, and for how long, before it counts as one that cannot be read."""

MIB = 2**20
MAX_FILE_BYTES = 256 * MIB
MAX_TEXT_CHARS = 128 * MIB
"""of all the documents of one file"""
MAX_UNPACKED_BYTES = 256 * MIB
"""of all that is read out of one zip file"""
MAX_RATIO = 200
"""unpacked bytes per packed byte of a part of a zip file; text packs 3 to 50 times smaller"""
SMALL_BYTES = MIB
"""a part that unpacks to no more than this may have any ratio"""
MAX_PARTS = 10_000
"""files in a zip file"""
MAX_CPU_S = 60
"""that are spent on a file: a machine which is busy otherwise fails none"""
MAX_S = 600
"""by the clock, for a file that never comes: from a disk on a network, say"""
MAX_MEMORY_BYTES = 2048 * MIB
"""of address space, of the process that reads"""
