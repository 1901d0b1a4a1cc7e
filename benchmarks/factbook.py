"""Answers about countries that training never saw, with and without passages, of a model that copies and of a plain one.

    python benchmarks/factbook.py [--json] [--seeds 1 2 3] [--only copy|plain] [--questions 300] [--folder FOLDER]

The World Factbook's facts become passages of a few lines. A quarter of the countries is kept out of everything that a model
reads in training, its vocabulary included: as what is asked about, as what is shown beside it, and as a word in other facts.
The recipe tune-reader is trained on the other countries, once with its copy head and repeat embedding and once without; both
learn from the same conversations. Then each is asked about the countries it never saw, with what a search in an index of all
countries finds, with passages about random other countries, and with none. An answer counts where it is the fact, upper and
lower case, articles and the punctuation around words aside. A citation is precise where it is verified and its source is a
passage that holds the fact. The seconds are those of the CPU, from raw facts to the trained model, with one thread: a second
one would spend most of its seconds waiting for such small matrices.
"""

import argparse
import html
import json
import lzma
import os
import random
import re
import resource
import shutil
import string
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory
from typing import Any, Literal

from handspun.cli.progress import Progress
from handspun.cli.terminal import say
from handspun.corpus.document import Message
from handspun.corpus.quarantine import Quarantine
from handspun.corpus.reading import Ask, Passage
from handspun.corpus.reading_file import ReaderSource
from handspun.corpus.split import is_held_out
from handspun.files import read_json, write_json
from handspun.generate.config import GenerateConfig
from handspun.generate.engine import Engine
from handspun.generate.limits import Limits
from handspun.generate.session import load_engine
from handspun.model.cost import parameters
from handspun.recipe import load_recipe
from handspun.retrieve.answer import Answer
from handspun.retrieve.answerer import Answerer, Prepared
from handspun.retrieve.chunk import Chunk, Hit
from handspun.retrieve.config import RetrieveConfig
from handspun.retrieve.index import Index
from handspun.retrieve.ingest import sync
from handspun.retrieve.searcher import Searcher
from handspun.retrieve.store import Filters
from handspun.runs import Run
from handspun.tokens.chat import render
from record import record

SHARED = Path(os.environ.get("HANDSPUN_DATA", Path(__file__).parents[2] / "shared" / "data"))
FACTBOOK = SHARED / "tech_docs" / "world_factbook.jsonl.xz"
VAL_SHARE = 0.25
N_PASSAGES = 3
ANSWER_TOKENS = 40
ROWS = 32
MAX_VALUE_CHARS = 45
MODELS: dict[str, tuple[str, ...]] = {"copy": (), "plain": ("model.copy_head=false", "model.repeat_embedding=false")}
"""What is changed of the recipe for each."""
SEEDS = (1, 2, 3)
N_QUESTIONS = 300
Arm = Literal["retrieved", "closed_book", "wrong_passage"]
ARMS: tuple[Arm, ...] = ("retrieved", "closed_book", "wrong_passage")

FIELDS = """
Geography > Map references | map reference
Geography > Geographic coordinates | geographic location
Geography > Area > total | total area
Geography > Area > land | land area
Geography > Area > water | water area
Geography > Land boundaries > total | length of land boundaries
Geography > Coastline | length of coastline
Geography > Maritime claims > territorial sea | territorial sea
Geography > Elevation > highest point | highest point
Geography > Elevation > lowest point | lowest point
Geography > Elevation > mean elevation | mean elevation
Geography > Irrigated land | irrigated land
Geography > Land use > agricultural land | agricultural land
Geography > Land use > forest | forest land
Geography > Land use > other | other land
People and Society > Nationality > noun | nationality noun
People and Society > Nationality > adjective | nationality adjective
People and Society > Population > total | population
People and Society > Population > male | male population
People and Society > Population > female | female population
People and Society > Population growth rate | population growth rate
People and Society > Birth rate | birth rate
People and Society > Death rate | death rate
People and Society > Net migration rate | net migration rate
People and Society > Median age > total | median age
People and Society > Median age > male | median age of men
People and Society > Median age > female | median age of women
People and Society > Life expectancy at birth > total population | life expectancy
People and Society > Life expectancy at birth > male | life expectancy of men
People and Society > Life expectancy at birth > female | life expectancy of women
People and Society > Total fertility rate | fertility rate
People and Society > Infant mortality rate > total | infant mortality rate
People and Society > Physician density | physician density
People and Society > Obesity - adult prevalence rate | obesity rate
Government > Capital > name | capital
Government > Capital > geographic coordinates | location of the capital
Government > Government type | government type
Government > National symbol(s) | national symbol
Government > National color(s) | national color
Government > National anthem(s) > title | title of the national anthem
Government > Legislative branch > legislature name | name of the legislature
Government > Legislative branch > legislative structure | legislative structure
Government > Suffrage | voting age
Government > Independence | independence date
Government > Executive branch > chief of state | chief of state
Government > Executive branch > head of government | head of government
Government > Citizenship > residency requirement for naturalization | residency for naturalization
Economy > GDP (official exchange rate) | gross domestic product
Economy > Labor force | labor force
Economy > Budget > revenues | budget revenue
Economy > Budget > expenditures | budget expenditure
Economy > Exchange rates > Currency | currency
Economy > Youth unemployment rate (ages 15-24) > total | youth unemployment rate
Energy > Electricity > installed generating capacity | electricity capacity
Energy > Electricity > consumption | electricity consumption
Energy > Electricity access > electrification - total population | electricity access
Communications > Internet country code | internet country code
Communications > Internet users > percent of population | share of internet users
Communications > Telephones - mobile cellular > total subscriptions | number of mobile telephones
Communications > Telephones - fixed lines > total subscriptions | number of fixed telephone lines
Transportation > Airports | number of airports
Transportation > Civil aircraft registration country code prefix | aircraft registration prefix
Transportation > Merchant marine > total | size of the merchant marine
"""
"""Where a fact stands in the Factbook's JSON | what it is called in passages and questions."""


def field_names() -> dict[tuple[str, ...], str]:
    """The fields by their paths."""
    lines = (line.split(" | ") for line in FIELDS.strip().splitlines())
    return {tuple(path.split(" > ")): name for path, name in lines}


def facts() -> Iterator[dict[str, str]]:
    """Every fact with a short value, country by country, as a line to learn reading from."""
    seen: set[str] = set()
    names = field_names()
    for line in lzma.decompress(FACTBOOK.read_bytes()).splitlines():
        tree = json.loads(json.loads(line)["text"])
        country = name_of(tree)
        if country and country not in seen:
            seen.add(country)
            for path, name in names.items():
                if value := value_at(tree, path):
                    yield {"subject": country, "section": path[0], "field": name, "value": value}


def name_of(tree: dict[str, Any]) -> str:
    """The short name of a country, or else its long one; nothing for what is none, such as an ocean."""
    forms = (value_at(tree, ("Government", "Country name", f"conventional {form} form")) for form in ("short", "long"))
    return next((name for name in forms if name), "")


def value_at(tree: Any, path: Sequence[str]) -> str:
    """What stands at a path, cleaned; nothing where it is missing, not available, or long."""
    for key in path:
        tree = {name.strip(): value for name, value in tree.items()}.get(key, {})
    value = cleaned(str(tree.get("text", "")))
    return value if len(value) <= MAX_VALUE_CHARS and value.lower() not in ("none", "na") else ""


def cleaned(text: str) -> str:
    """Plain text in a line, without remarks on the year."""
    plain = " ".join(html.unescape(re.sub(r"<[^>]+>", " ", text)).replace('"', " ").split())
    return re.sub(r"\s*\([^()]*\d{4}[^()]*\)", "", plain).strip(" ;,-")


def write_facts(path: Path) -> None:
    """The facts as a file, without those about other countries that name one that is held out."""
    told = list(facts())
    held_out = {fact["subject"] for fact in told if is_held_out(fact["subject"], VAL_SHARE)}
    named = re.compile("|".join(rf"\b{re.escape(name)}\b" for name in sorted(held_out)))
    kept = [fact for fact in told if fact["subject"] in held_out or not named.search(fact["value"])]
    path.write_text("".join(json.dumps(fact, ensure_ascii=False) + "\n" for fact in kept), encoding="utf-8")


@dataclass(frozen=True)
class Exam:
    """The questions about held-out countries, and an index of all countries."""

    asks: Sequence[Ask]
    passages: Sequence[Passage]
    searcher: Searcher

    @cached_property
    def chunks(self) -> list[Chunk]:
        """All chunks of the index."""
        return list(self.searcher.index.store.every_chunk())


class RandomSearcher(Searcher):
    """Finds passages about other countries than the one that is asked about."""

    def __init__(self, exam: Exam, ask: Ask) -> None:
        super().__init__(exam.searcher.index)
        self.exam, self.ask = exam, ask

    def search(self, query: str, k: int = 10, filters: Filters | None = None) -> list[Hit]:  # noqa: ARG002
        """As many as are put before the model."""
        others = [chunk for chunk in self.exam.chunks if not chunk.text.startswith(self.ask.passage.group)]
        return [Hit(chunk, 1.0) for chunk in random.Random(self.ask.id).sample(others, min(k, N_PASSAGES))]


def prepared_exam(facts_file: Path, folder: Path, n_questions: int) -> Exam:
    """Index every passage as a document, and draw the questions."""
    with (folder / "bad_lines").open("wb") as file:
        reading = ReaderSource(f"reader:{facts_file}").reading(Quarantine(file))
    (folder / "texts").mkdir(exist_ok=True)
    lines = (json.dumps({"id": passage.id, "text": passage.text}) for passage in reading.passages)
    (folder / "texts" / "passages.jsonl").write_text("\n".join(lines))
    config = RetrieveConfig(embedder="none", n_passages=N_PASSAGES)
    index = Index.create(folder / "index", config, [folder / "texts"])
    with Progress("index", "bytes") as progress:
        sync(index, progress)
    asks = reading.only(lambda group: is_held_out(group, VAL_SHARE)).asks
    chosen = random.Random(0).sample(asks, min(n_questions, len(asks)))
    return Exam(chosen, reading.passages, Searcher(index))


def trained(model: str, seed: int, folder: Path) -> tuple[Run, float]:
    """The recipe made with this seed, and the seconds of CPU that all of it took; what the folder holds is not made again."""
    tokens, run, note = folder / "tokens", folder / f"{model}-{seed}", folder / f"{model}-{seed}.json"
    if not note.is_file():
        tokens_note = folder / "tokens.json"
        if not tokens_note.is_file():
            write_json(tokens_note, {"cpu_s": made("tokenize", folder / "facts.jsonl", tokens)})
        shutil.rmtree(run, ignore_errors=True)
        shutil.copytree(tokens, run)
        cpu_s = made("tune", folder / "facts.jsonl", run, f"seed={seed}", *MODELS[model])
        write_json(note, {"cpu_s": read_json(tokens_note)["cpu_s"] + cpu_s})
    return Run(run), read_json(note)["cpu_s"]


def made(verb: str, facts_file: Path, folder: Path, *overrides: str) -> float:
    """Do the recipe's stages up to a verb in `folder`; the seconds of CPU that it took."""
    named = json.dumps([f"reader:{facts_file}"])
    corpus = [f"corpus.sources={named}", f"corpus.conversations={named}", f"corpus.val_share={VAL_SHARE}"]
    command = [sys.executable, "-m", "handspun", verb, "tune-reader", *corpus, *overrides, "--run", str(folder)]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=sys.stderr, env={**os.environ, "OMP_NUM_THREADS": "1"})
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def measured(run: Run, exam: Exam, title: str) -> dict[str, Any]:
    """Exact match in each arm, what is said not to be known, and how many of the citations are precise."""
    engine, recipe = load_engine(run.tuned, limits=Limits(max_rows=ROWS)), load_recipe(str(run.path))
    settings = replace(load_recipe("tune-reader").generate, max_new_tokens=ANSWER_TOKENS)
    with Progress(title, "answers") as progress:
        answers = {}
        for number, arm in enumerate(ARMS):
            answers[arm] = answers_in(arm, engine, exam, settings)
            progress((number + 1) * len(exam.asks), len(ARMS) * len(exam.asks))
    exact = {arm: mean(is_exact(answer, ask) for answer, ask in zip(answers[arm], exam.asks)) for arm in ARMS}
    pairs = [(citation, ask) for answer, ask in zip(answers["retrieved"], exam.asks) for citation in answer.citations]
    precise = [citation.verified and citation.source.endswith(f"#{ask.passage.id}") for citation, ask in pairs]
    return {
        **exact,
        "citation_precision": mean(precise) if precise else 0.0,
        "n_citations": len(precise),
        "unknown": {arm: mean(answer.kind == "unknown" for answer in answers[arm]) for arm in ARMS},
        "n_parameters": sum(parameters(recipe.model, engine.tokenizer.vocab_size).values()),
    }


def answers_in(arm: Arm, engine: Engine, exam: Exam, settings: GenerateConfig) -> list[Answer]:
    """The answer to every question of an exam in one arm."""
    answerers = [answerer(arm, ask, engine, exam) for ask in exam.asks]
    prepared = [prepare(arm, each, ask, engine) for each, ask in zip(answerers, exam.asks)]
    asked = [each.ids for each in prepared if each.is_found]
    replies = iter(engine.generate(asked, settings))
    return [
        each.conclude(question, next(replies)) if question.is_found else each.unknown(question)
        for each, question in zip(answerers, prepared)
    ]


def answerer(arm: Arm, ask: Ask, engine: Engine, exam: Exam) -> Answerer:
    """What looks a question up in this arm."""
    searcher = RandomSearcher(exam, ask) if arm == "wrong_passage" else exam.searcher
    return Answerer(searcher, engine.tokenizer, engine.max_seq_len, searcher.index.config)


def prepare(arm: Arm, answerer: Answerer, ask: Ask, engine: Engine) -> Prepared:
    """A question with what the model reads in this arm."""
    if arm != "closed_book":
        return answerer.prepare(ask.phrasings[0], max_new_tokens=ANSWER_TOKENS)
    messages = [Message("user", ask.phrasings[0])]
    return Prepared(ask.phrasings[0], (), True, messages, render(engine.tokenizer, messages, open_reply=True).ids.tolist())


def is_exact(answer: Answer, ask: Ask) -> bool:
    """Whether it is the fact, upper and lower case, articles and the punctuation around words aside."""
    return plain(answer.text) == plain(ask.answer)


def plain(text: str) -> list[str]:
    """The words of an answer."""
    words = (word.strip(string.punctuation) for word in text.lower().split())
    return [word for word in words if word not in ("", "a", "an", "the")]


def summary(seeds: dict[int, dict[str, Any]]) -> dict[str, Any]:
    """Means over the seeds, and each seed's own figures."""
    shares = (*ARMS, "citation_precision", "cpu_s")
    return {
        **{share: round(mean(results[share] for results in seeds.values()), 4) for share in shares},
        "n_parameters": next(iter(seeds.values()))["n_parameters"],
        "per_seed": {str(seed): seeds[seed] for seed in sorted(seeds)},
    }


def measure(arguments: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Every model with every seed on the same exam."""
    if not (folder / "facts.jsonl").is_file():
        write_facts(folder / "facts.jsonl")
    exam = prepared_exam(folder / "facts.jsonl", folder, arguments.questions)
    results: dict[str, Any] = {}
    for model in [arguments.only] if arguments.only else list(MODELS):
        seeds = {}
        for seed in arguments.seeds:
            run, cpu_s = trained(model, seed, folder)
            seeds[seed] = {**measured(run, exam, f"ask {model}, seed {seed}"), "cpu_s": round(cpu_s, 1)}
            say(f"{model}, seed {seed}: {json.dumps(seeds[seed])}")
        results[model] = summary(seeds)
    return {**results, "n_questions": len(exam.asks), "n_passages": len(exam.passages)}


def show(results: dict[str, Any]) -> None:
    """The results as a table."""
    print("| model | seed | retrieved | closed book | wrong passages | citations that are precise | CPU, s |")
    print("|---|---|---|---|---|---|---|")
    for model in [model for model in MODELS if model in results]:
        for seed, row in [("mean", results[model]), *results[model]["per_seed"].items()]:
            shares = " | ".join(f"{row[share]:.3f}" for share in (*ARMS, "citation_precision"))
            print(f"| {model} | {seed} | {shares} | {row['cpu_s']:.0f} |")


def parsed_arguments() -> argparse.Namespace:
    """Which models are trained, and how much is asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print the results as one JSON object instead of a table")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS), help="what each model is trained with")
    parser.add_argument("--only", choices=MODELS, help="one of the two models")
    parser.add_argument("--questions", type=int, default=N_QUESTIONS, help="asked of each model in each arm")
    parser.add_argument("--folder", type=Path, help="keep the runs here, and go on with those that are; otherwise deleted")
    return parser.parse_args()


def main() -> None:
    arguments = parsed_arguments()
    with TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        results = measure(arguments, folder)
    record("factbook", results)
    if arguments.json:
        print(json.dumps(results))
    else:
        show(results)


if __name__ == "__main__":
    main()
