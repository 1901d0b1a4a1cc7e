"""A stage is known by everything that decides what it makes."""

from handspun.stage_key import code_version, stage_key


def test_a_key_moves_with_each_thing_it_is_made_of_and_with_nothing_else() -> None:
    def key(settings: dict | None = None, inputs: dict | None = None, code: dict | None = None, stage: str = "train") -> str:
        return stage_key(
            stage, settings=settings or {"b": 1, "a": (2, 3)}, inputs=inputs or {"shards": "x"}, code=code or {"train": "y"}
        )

    assert key() == key(settings={"a": [2, 3], "b": 1})
    changed = [key(stage="tune"), key(settings={"a": [2, 3], "b": 2}), key(inputs={"shards": "z"}), key(code={"train": "z"})]
    assert len({key(), *changed}) == 5


def test_the_code_of_a_room_has_a_version_and_rooms_differ() -> None:
    versions = {code_version(room) for room in ("cli", "corpus", "errors", "files")}
    assert len(versions) == 4
    assert all(len(version) == 64 for version in versions)
