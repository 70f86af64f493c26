"""answerInlineQuery as Telegram checks it: results that a client could show, for a query that is still open."""

from __future__ import annotations

from collections.abc import Mapping

from tests.telegram_api.records import Article, InlineAnswer
from tests.telegram_api.request import Request
from tests.telegram_api.validation import TEXT_LIMIT, bad_request, check_text, parse_entities, parse_json
from tests.telegram_api.world import World

MOST_RESULTS = 50
ID_BYTES = OFFSET_BYTES = 64


def answer_inline_query(world: World, request: Request) -> object:
    """Articles for an inline query; each query is answered once, and soon."""
    query_id = request.text("inline_query_id")
    if query_id not in world.open_inline:
        raise bad_request("query is too old and response timeout expired or query ID is invalid")
    rows = parse_json(request.text("results"), "results")
    if not isinstance(rows, list):
        raise bad_request("can't parse inline query results JSON object")
    if len(rows) > MOST_RESULTS:
        raise bad_request("RESULTS_TOO_MUCH")
    articles = tuple(_article(row) for row in rows)
    if len({article.id for article in articles}) < len(articles):
        raise bad_request("RESULT_ID_DUPLICATE")
    following = request.text("next_offset")
    if len(following.encode()) > OFFSET_BYTES:
        raise bad_request("NEXT_OFFSET_INVALID")
    world.open_inline.discard(query_id)
    cache_time, personal = request.integer("cache_time", 300), request.flag("is_personal")
    world.inline_answers.append(InlineAnswer(query_id, articles, cache_time, personal, following))
    return True


def _article(row: Mapping[str, object]) -> Article:
    if row.get("type") != "article":
        raise bad_request(f"this server reads articles only, not {row.get('type')!r}")
    id_, title, content = str(row.get("id", "")), str(row.get("title", "")), row.get("input_message_content")
    if not 1 <= len(id_.encode()) <= ID_BYTES:
        raise bad_request("RESULT_ID_INVALID")
    if not title:
        raise bad_request("ARTICLE_TITLE_EMPTY")
    if not isinstance(content, dict) or not content.get("message_text"):
        raise bad_request("MESSAGE_EMPTY")
    entities = parse_entities(None)
    text = check_text(str(content["message_text"]), entities, limit=TEXT_LIMIT, too_long="MESSAGE_TOO_LONG").text
    if not text:
        raise bad_request("MESSAGE_EMPTY")
    return Article(id_, title, str(row.get("description", "")), text)
