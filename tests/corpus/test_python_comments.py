from handspun.corpus.python_comments import comment_blocks

PROSE = "# The quick brown fox is here.\n# It jumps over the lazy dog\n# whenever it is told to.\n"


def test_a_block_of_prose_is_found_with_its_line() -> None:
    text = "The quick brown fox is here.\nIt jumps over the lazy dog\nwhenever it is told to."
    assert list(comment_blocks(f"import os\n\nif os:\n{PROSE}")) == [(4, text)]


def test_two_lines_are_too_few_and_a_gap_ends_a_block() -> None:
    two_lines = "".join(PROSE.splitlines(keepends=True)[:2])
    assert list(comment_blocks(two_lines)) == []
    assert [line for line, _ in comment_blocks(f"{PROSE}\n{PROSE}x = 1\n{two_lines}")] == [1, 5]


def test_code_that_was_commented_out_is_not_prose() -> None:
    assert list(comment_blocks("# x[0] = f(1, 2)\n# y = {3: 4}; z += 1\n# if (x == y): x.a, y.b = 5, 6\n")) == []


def test_a_comment_sign_inside_a_string_is_no_comment() -> None:
    assert list(comment_blocks(f'text = """\n{PROSE}"""\n')) == []
    assert list(comment_blocks(f"text = '''\n{PROSE}'''\n")) == []
    assert len(list(comment_blocks(f"mark = '#'; other = \"it's #\"\n{PROSE}"))) == 1


def test_comments_after_code_are_left_out() -> None:
    assert list(comment_blocks("".join(f"x = {line}\n" for line in PROSE.splitlines()))) == []
