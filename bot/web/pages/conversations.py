"""Conversations, the turns in them, what stands behind a reply, and what its user thinks of it."""

from __future__ import annotations

from starlette.responses import Response

from bot.influence import Influence
from bot.learned import rolled_back_text
from bot.web.pages.forgetting import forget_and_tell
from bot.web.rendering import short
from bot.web.views.library import learned_adapters
from bot.web.views.talks import conversation_of, judged, talks_of
from bot.web.visit import Visit
from memory.errors import FamiliarError
from memory.records import Turn
from memory.turns import turn_by_id


def show(visit: Visit) -> Response:
    """All conversations."""
    return visit.page(
        "conversations.html", view=talks_of(visit.app.store, user_id=visit.user.id, page=visit.page_number)
    )


def one(visit: Visit) -> Response:
    """One conversation; its end where no part is asked for."""
    page = visit.page_number if visit.query("page") else None
    id_, user_id = visit.number("id"), visit.user.id
    view = visit.found(lambda: conversation_of(visit.app.store, id_, user_id=user_id, page=page))
    return visit.page("conversation.html", view=view)


def why(visit: Visit) -> Response:
    """What a reply was made from."""
    return _why(visit, _turn(visit), None)


def compute(visit: Visit) -> Response:
    """The same with what adapter and memories did, which takes the model a while and is not kept."""
    turn = _turn(visit)
    return _why(visit, turn, visit.app.explainer.influence(turn))


def _why(visit: Visit, turn: Turn, influence: Influence | None) -> Response:
    (found,) = judged(visit.app.store, [turn], user_id=visit.user.id)
    return visit.page("turn.html", view=found, influence=influence)


def vote(visit: Visit) -> Response:
    """Keep a vote or a corrected text; an adapter that is found worse no longer answers after it."""
    turn, value = _turn(visit), visit.wanted("vote")
    if value == "correct":
        done = visit.app.learned.judge(turn.id, user=visit.user, correction=visit.wanted("correction"))
    elif value in ("up", "down"):
        done = visit.app.learned.judge(turn.id, user=visit.user, vote="up" if value == "up" else "down")
    else:
        raise FamiliarError(visit.phrase("bad_request"))
    note = visit.phrase("vote_kept")
    if done.rolled_back:
        note = f"{note} {rolled_back_text(done.rolled_back, language=visit.language)}"
    where = f"/turns/{turn.id}" if visit.form.get("from") == "turn" else f"/conversations/{turn.conversation_id}"
    return visit.go(f"{where}#turn-{turn.id}", note=note)


def ask_to_forget(visit: Visit) -> Response:
    """What forgetting a turn would take along."""
    turn = _turn(visit)
    lines = [visit.phrase("forget_turn_what", text=short(turn.user_text)), visit.phrase("forget_quotes")]
    adapters = learned_adapters(visit.app.store, user_id=visit.user.id, turn_id=turn.id)
    if adapters:
        lines.append(visit.phrase("forget_adapters", adapters=", ".join(adapters)))
    return visit.confirm(
        title=visit.phrase("forget_turn"),
        lines=[*lines, visit.phrase("forget_for_good")],
        button=visit.phrase("forget_button"),
        action=f"/turns/{turn.id}/forget",
        back=f"/turns/{turn.id}",
    )


def forget(visit: Visit) -> Response:
    """Erase a turn everywhere."""
    turn = _turn(visit)
    return forget_and_tell(visit, lambda: visit.app.forget(user_id=visit.user.id, turn=turn.id), where="/conversations")


def _turn(visit: Visit) -> Turn:
    id_ = visit.number("id")
    return visit.found(lambda: turn_by_id(visit.app.store, id_, user_id=visit.user.id))
