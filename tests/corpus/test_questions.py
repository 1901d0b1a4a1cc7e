from collections import Counter
from pathlib import Path

from handspun.corpus.pipeline import read_conversations, read_documents, read_questions
from handspun.corpus.python_docs import PythonLibrary
from handspun.corpus.python_objects import folded
from handspun.corpus.questions import UNKNOWN, held_out_questions, training_conversations


def asked(library: PythonLibrary, kind: str, name: str) -> tuple[str, str]:
    everything = held_out_questions(library, PythonLibrary(()))
    question = next(question for question in everything if question.object == name and question.kind == kind)
    return question.question, question.answer


def test_the_rules_ask_and_answer(library: PythonLibrary) -> None:
    part = PythonLibrary(tuple(item for item in library.objects if item.module == "textwrap"))
    assert asked(part, "does", "textwrap.dedent") == (
        "What does textwrap.dedent do?",
        "Remove any common leading whitespace from every line in `text`.",
    )
    assert asked(part, "module", "textwrap.dedent") == ("Which module has `dedent`?", "It is in textwrap.")
    assert asked(part, "arguments", "textwrap.dedent") == ("What arguments does textwrap.dedent take?", "(text)")
    assert asked(part, "is", "textwrap.TextWrapper") == (
        "What is textwrap.TextWrapper?",
        "Object for wrapping/filling text.",
    )


def quoted(answer: str) -> str:
    """The part of an answer that stands word for word in its passage."""
    return answer.removeprefix("It is in ").removesuffix(".") if answer.startswith("It is in ") else answer


def test_there_are_enough_held_out_objects_to_measure_on(python_corpus: Path) -> None:
    kinds = Counter(question.kind for question in read_questions(python_corpus / "questions.jsonl"))
    assert kinds["does"] >= 600
    assert kinds.keys() == {"does", "is", "module", "arguments"}


def test_the_right_passage_holds_the_answer_and_the_wrong_one_does_not(python_corpus: Path) -> None:
    for question in read_questions(python_corpus / "questions.jsonl"):
        assert quoted(question.answer) in question.passage
        assert question.object not in question.wrong_passage
        if question.kind in ("does", "is"):
            assert question.answer.lower() not in question.wrong_passage.lower()


def test_a_held_out_object_is_nowhere_in_training(python_corpus: Path) -> None:
    questions = list(read_questions(python_corpus / "questions.jsonl"))
    held_out = {question.object for question in questions}
    passages = {question.passage for question in questions} | {question.wrong_passage for question in questions}
    for conversation in read_conversations(python_corpus / "train_conversations.jsonl"):
        assert conversation.metadata.get("object") not in held_out
        assert not any(message.role == "passage" and message.content in passages for message in conversation.messages)
    assert held_out.isdisjoint(document.id for document in read_documents(python_corpus / "train.jsonl"))


def test_no_training_text_gives_a_held_out_sentence_away(python_corpus: Path) -> None:
    train_text = "\n".join(folded(document.text).lower() for document in read_documents(python_corpus / "train.jsonl"))
    answers = [question.answer for question in read_questions(python_corpus / "questions.jsonl") if question.kind == "does"]
    assert not [answer for answer in answers if len(answer.split()) >= 5 and f" {answer.lower()} " in train_text]


def test_no_held_out_sentence_opens_a_training_docstring(python_corpus: Path, library: PythonLibrary) -> None:
    answers = {q.answer.lower() for q in read_questions(python_corpus / "questions.jsonl") if q.kind == "does"}
    trained = {document.id for document in read_documents(python_corpus / "train.jsonl")}
    assert not [item.id for item in library.objects if item.id in trained and item.first_sentence.lower() in answers]


def test_a_conversation_answers_only_from_the_right_passage(python_corpus: Path) -> None:
    arms: Counter[str] = Counter()
    for conversation in read_conversations(python_corpus / "train_conversations.jsonl"):
        arm = conversation.metadata.get("arm")
        if conversation.metadata.get("kind") == "does":
            arms[arm] += 1
        answer = conversation.messages[-1].content
        assert (arm == "closed book") <= (conversation.messages[0].role == "user")
        if arm == "right passage":
            assert quoted(answer) in conversation.messages[0].content
        elif conversation.source == "python":
            assert answer == UNKNOWN
    n_does = arms.total()
    assert abs(arms["right passage"] / n_does - 0.55) < 0.02
    assert abs(arms["wrong passage"] / n_does - 0.35) < 0.02
    assert abs(arms["closed book"] / n_does - 0.10) < 0.02


def test_an_absent_name_is_the_name_of_nothing(library: PythonLibrary) -> None:
    known = {item.id for item in library.objects}
    absent = [
        conversation
        for conversation in training_conversations(library, known)
        if conversation.metadata["kind"] == "absent" and conversation.messages[-1].content == UNKNOWN
    ]
    assert len(absent) > 300
    assert known.isdisjoint(conversation.metadata["object"] for conversation in absent)


def test_questions_are_the_same_every_time(library: PythonLibrary) -> None:
    part = PythonLibrary(tuple(item for item in library.objects if item.module.startswith("email")))
    known = library.group_of
    assert list(training_conversations(part, known)) == list(training_conversations(part, known))
