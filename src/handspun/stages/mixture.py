"""What training takes of each source, where the recipe gives them weights."""

from typing import Any

from handspun.stages.stage import Workshop
from handspun.stages.tokenize import text_shards
from handspun.train.mixture import portions


def mixture_facts(workshop: Workshop) -> dict[str, Any]:
    """Share, tokens and readings of each source; one that is read more than once is named to the user."""
    config, corpus = workshop.recipe.train, workshop.recipe.corpus
    if not corpus.weights or config.chat_share == 1:
        return {}
    facts = []
    for source, part, portion in zip(
        corpus.sources, corpus.parts, portions(config, text_shards(workshop.run, corpus), corpus.parts)
    ):
        share = part / sum(corpus.parts)
        facts.append({"source": source, "share": share, "tokens": portion.n_drawn, "readings": round(portion.readings, 2)})
        if portion.readings > 1:
            drawn = f"{portion.n_drawn:,} tokens are drawn of its {portion.n_tokens:,}"
            workshop.reporter.say(f"{source} is read {portion.readings:.1f} times: {drawn}")
    return {"mixture": facts}
