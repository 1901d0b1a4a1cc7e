import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handspun.corpus.document import Conversation, Document, Message
from handspun.errors import CorpusError, DamagedFileError
from handspun.tokens import shards as shards_module
from handspun.tokens.chat import render
from handspun.tokens.shards import ShardSet, write_conversations, write_documents


def documents(texts: list[str]) -> list[Document]:
    return [Document(text, str(place), "test") for place, text in enumerate(texts)]


def conversations(pairs: list[tuple[str, str]]) -> list[Conversation]:
    return [
        Conversation((Message("user", q), Message("assistant", a)), str(place), "test") for place, (q, a) in enumerate(pairs)
    ]


@settings(max_examples=25, deadline=None)
@given(texts=st.lists(st.text(max_size=40), min_size=1, max_size=8), shard_tokens=st.integers(8, 40), data=st.data())
def test_what_is_read_is_what_was_written(tokenizer, tmp_path_factory, texts, shard_tokens, data):
    written = write_documents(documents(texts), tokenizer, tmp_path_factory.mktemp("set") / "train", shard_tokens=shard_tokens)
    read = ShardSet(written.folder)
    whole = [id_ for text in texts for id_ in (tokenizer.end_of_text, *tokenizer.encode(text))]
    assert len(read) == read.n_documents == len(texts)
    assert [tokenizer.decode(read.document(place)) for place in range(len(read))] == texts
    assert (read.n_tokens, read.n_bytes) == (len(whole), sum(len(text.encode()) for text in texts))
    assert read.lengths.tolist() == [len(read.document(place)) for place in range(len(read))]
    start = data.draw(st.integers(0, len(whole)))
    stop = data.draw(st.integers(start, len(whole)))
    assert read.tokens(start, stop).tolist() == whole[start:stop]


@settings(max_examples=25, deadline=None)
@given(
    pairs=st.lists(st.tuples(st.text(max_size=20), st.text(max_size=20)), min_size=1, max_size=6),
    shard_tokens=st.integers(8, 40),
)
def test_a_conversation_keeps_its_mask(tokenizer, tmp_path_factory, pairs, shard_tokens):
    folder = tmp_path_factory.mktemp("set") / "chat"
    read = write_conversations(conversations(pairs), tokenizer, folder, shard_tokens=shard_tokens)
    for place, conversation in enumerate(conversations(pairs)):
        rendered = render(tokenizer, conversation.messages)
        assert read.document(place).tolist() == rendered.ids.tolist()
        assert read.loss_mask(place).tolist() == rendered.loss_mask.tolist()
    assert read.mask(0, read.n_tokens).sum() == sum(len(tokenizer.encode(reply)) + 1 for _, reply in pairs)


def test_every_token_of_a_plain_document_counts(tokenizer, tmp_path):
    read = write_documents(documents(["some text"]), tokenizer, tmp_path / "train")
    assert not read.has_loss_mask
    assert read.loss_mask(0).all()
    assert len(read.loss_mask(0)) == read.n_tokens


def test_documents_are_encoded_in_batches_without_a_seam(tokenizer, texts, tmp_path, monkeypatch):
    monkeypatch.setattr(shards_module, "BATCH_CHARS", 1000)
    seen = []
    read = write_documents(
        documents(texts[:40]),
        tokenizer,
        tmp_path / "a",
        on_progress=lambda done, total: seen.append((done, total)),
        total_bytes=9,
    )
    monkeypatch.undo()
    at_once = write_documents(documents(texts[:40]), tokenizer, tmp_path / "b")
    assert np.array_equal(read.tokens(0, read.n_tokens), at_once.tokens(0, at_once.n_tokens))
    assert np.array_equal(read.document_starts, at_once.document_starts)
    assert len(seen) > 5
    assert seen[-1] == (read.n_bytes, 9)


def test_ids_take_two_bytes_where_they_fit_and_four_where_not():
    from handspun.tokens.shard_writer import token_dtype

    assert token_dtype(65_536) == np.uint16
    assert token_dtype(65_537) == np.uint32


def test_the_set_knows_its_tokenizer(tokenizer, tmp_path):
    assert write_documents(documents(["x"]), tokenizer, tmp_path / "train").tokenizer_sha256 == tokenizer.sha256


@pytest.mark.parametrize("write", [write_documents, write_conversations])
def test_no_text_is_refused_and_leaves_nothing(tokenizer, tmp_path, write):
    with pytest.raises(CorpusError, match=r"no text to write to .*train"):
        write([], tokenizer, tmp_path / "train")
    assert list(tmp_path.iterdir()) == []


def test_a_failure_half_way_leaves_the_old_set_and_no_rubbish(tokenizer, tmp_path):
    write_documents(documents(["the old set"]), tokenizer, tmp_path / "train")

    def broken():
        yield from documents(["new"] * 3)
        raise RuntimeError("the source broke")

    with pytest.raises(RuntimeError, match="the source broke"):
        write_documents(broken(), tokenizer, tmp_path / "train")
    assert tokenizer.decode(ShardSet(tmp_path / "train").document(0)) == "the old set"
    assert [path.name for path in tmp_path.iterdir()] == ["train"]


def test_a_crash_between_the_two_renames_is_mended_by_the_next_call(tokenizer, tmp_path):
    write_documents(documents(["the old set"]), tokenizer, tmp_path / "train")
    (tmp_path / "train").rename(tmp_path / ".train.old")
    (tmp_path / ".train.tmp").mkdir()
    with pytest.raises(CorpusError):
        write_documents([], tokenizer, tmp_path / "train")
    assert tokenizer.decode(ShardSet(tmp_path / "train").document(0)) == "the old set"


def test_a_new_set_takes_the_place_of_the_old_one(tokenizer, tmp_path):
    write_documents(documents(["old", "older"]), tokenizer, tmp_path / "train", shard_tokens=2)
    write_documents(documents(["new"]), tokenizer, tmp_path / "train")
    assert len(ShardSet(tmp_path / "train")) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["train"]


@pytest.fixture
def sealed(tokenizer, tmp_path):
    return write_conversations(conversations([("hello", "good day")] * 5), tokenizer, tmp_path / "chat", shard_tokens=16).folder


@pytest.mark.parametrize("name", ["tokens-00000.bin", "tokens-00001.bin", "loss_mask-00000.bin", "document_starts.bin"])
def test_a_shard_that_is_cut_short_flipped_or_gone_is_named(sealed, name):
    data = (sealed / name).read_bytes()
    for damaged in (data[:-1], bytes([data[0] ^ 1]) + data[1:], data + b"\0"):
        (sealed / name).write_bytes(damaged)
        with pytest.raises(DamagedFileError, match=name):
            ShardSet(sealed)
    (sealed / name).unlink()
    with pytest.raises(DamagedFileError, match=name):
        ShardSet(sealed)


def test_a_shard_cut_short_after_it_was_verified_is_still_noticed(sealed):
    ShardSet(sealed)
    shard = sealed / "tokens-00000.bin"
    shard.write_bytes(shard.read_bytes()[:-2])
    with pytest.raises(DamagedFileError, match="cut short"):
        ShardSet(sealed)


def test_a_manifest_that_was_edited_or_is_missing_is_refused(sealed):
    manifest = json.loads((sealed / "manifest.json").read_text())
    (sealed / "manifest.json").write_text(json.dumps({**manifest, "n_tokens": 1}))
    with pytest.raises(DamagedFileError, match="manifest"):
        ShardSet(sealed)
    (sealed / "manifest.json").unlink()
    with pytest.raises(DamagedFileError, match="manifest"):
        ShardSet(sealed)


def test_another_sealed_folder_is_no_set(tmp_path):
    from handspun.files import seal_folder

    seal_folder(tmp_path)
    with pytest.raises(DamagedFileError, match="holds no token shards"):
        ShardSet(tmp_path)


@pytest.mark.parametrize("index", [-1, 5])
def test_a_document_outside_the_set_is_an_index_error(sealed, index):
    with pytest.raises(IndexError, match=f"document {index} of a set of 5"):
        ShardSet(sealed).document(index)


@pytest.mark.parametrize(("start", "stop"), [(-1, 2), (3, 2), (0, 10_000)])
def test_tokens_outside_the_set_are_an_index_error(sealed, start, stop):
    with pytest.raises(IndexError):
        ShardSet(sealed).tokens(start, stop)
