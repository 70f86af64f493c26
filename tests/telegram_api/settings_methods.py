"""The Bot API methods about the bot itself: command menus, descriptions, and how updates reach it.

Polling follows Telegram where it matters for a bot's restart: of two polls at once the older one ends with 409, an
update stays until an offset above it is asked for, and there is no polling while a webhook is set.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import replace

from telegram.constants import BotCommandScopeType

from tests.telegram_api.methods import CHAT_METHODS, Method
from tests.telegram_api.records import Command, Update, Webhook, without_none
from tests.telegram_api.request import Request
from tests.telegram_api.validation import ApiError, bad_request, parse_json
from tests.telegram_api.world import World

MAX_COMMANDS = 100
MAX_POLL_SECONDS = 50
_SCOPES = frozenset(str(scope) for scope in BotCommandScopeType)
_DESCRIPTIONS = {"description": 512, "short_description": 120}


def get_updates(world: World, request: Request) -> object:
    """The updates from an offset on, waiting up to `timeout` seconds for the first."""
    if world.webhook.url:
        raise _webhook_conflict()
    _set_allowed_updates(world, request)
    _forget_confirmed(world, request.integer("offset", 0))
    world.poll_number += 1
    world.changed.notify_all()
    number = world.poll_number
    deadline = time.monotonic() + min(request.integer("timeout", 0), MAX_POLL_SECONDS)
    while not world.updates and not world.closed and (left := deadline - time.monotonic()) > 0:
        world.changed.wait(left)
        if world.webhook.url:
            raise _webhook_conflict()
        if number != world.poll_number:
            raise ApiError(
                409,
                "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running",
            )
    limit = min(max(request.integer("limit", 100), 1), 100)
    batch = world.updates[:limit]
    if world.disorder is not None:
        world.disorder.shuffle(batch)
    return [update.as_json() for update in batch]


def _webhook_conflict() -> ApiError:
    return ApiError(
        409,
        "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first",
    )


def _set_allowed_updates(world: World, request: Request) -> None:
    wanted = request.strings("allowed_updates")
    if wanted is not None:
        world.allowed_updates = frozenset(wanted) or None


def _forget_confirmed(world: World, offset: int) -> None:
    if offset > 0:
        world.confirm(offset)
    elif offset < 0:
        world.updates = world.updates[offset:]


def set_webhook(world: World, request: Request) -> object:
    """Post updates to an address from now on; plain http is allowed, as a local Bot API server allows it."""
    url, secret = request.text("url"), request.values.get("secret_token")
    if url and not re.match(r"https?://[^/\s]+", url):
        raise bad_request("bad webhook: invalid webhook URL specified")
    if secret is not None and not re.fullmatch(r"[A-Za-z0-9_-]{1,256}", secret):
        raise bad_request("secret token contains unallowed characters")
    _set_allowed_updates(world, request)
    _drop_pending(world, request)
    world.webhook = Webhook(url, secret, request.integer("max_connections", 40))
    world.changed.notify_all()
    return True


def delete_webhook(world: World, request: Request) -> object:
    """Go back to polling."""
    _drop_pending(world, request)
    world.webhook = Webhook()
    world.changed.notify_all()
    return True


def _drop_pending(world: World, request: Request) -> None:
    if request.flag("drop_pending_updates"):
        world.updates = []


def get_webhook_info(world: World, _request: Request) -> object:
    """Where updates go and how many wait."""
    hook = world.webhook
    return without_none(
        {
            "url": hook.url,
            "has_custom_certificate": False,
            "pending_update_count": len(world.updates),
            "max_connections": hook.max_connections if hook.url else None,
            "last_error_message": hook.last_error,
            "allowed_updates": sorted(world.allowed_updates) if world.allowed_updates else None,
        }
    )


def webhook_failed(world: World, reason: str) -> None:
    """Remember why an update could not be posted."""
    world.webhook = replace(world.webhook, last_error=reason)


def webhook_delivered(world: World, update: Update) -> None:
    """Forget a posted update, or keep it for its second delivery."""
    if not world.copies.pop(update.id, 0):
        world.updates = [other for other in world.updates if other.id != update.id]


def set_my_commands(world: World, request: Request) -> object:
    """The command menu of a scope and language."""
    rows = parse_json(request.text("commands", "[]"), "commands")
    if not isinstance(rows, list) or len(rows) > MAX_COMMANDS:
        raise bad_request("BOT_COMMANDS_TOO_MUCH")
    commands = tuple(Command(str(row.get("command")), str(row.get("description"))) for row in rows)
    for command in commands:
        if not re.fullmatch(r"[a-z0-9_]{1,32}", command.name):
            raise bad_request("BOT_COMMAND_INVALID")
        if not 1 <= len(command.description) <= 256:
            raise bad_request("BOT_COMMAND_DESCRIPTION_INVALID")
    world.commands[_menu(request)] = commands
    return True


def get_my_commands(world: World, request: Request) -> object:
    """The menu set for exactly this scope and language."""
    commands = world.commands.get(_menu(request), ())
    return [{"command": command.name, "description": command.description} for command in commands]


def delete_my_commands(world: World, request: Request) -> object:
    """Remove the menu of a scope and language."""
    world.commands.pop(_menu(request), None)
    return True


def _menu(request: Request) -> tuple[str, str]:
    scope = request.mapping("scope") or {"type": "default"}
    kind, language = str(scope.get("type")), request.text("language_code")
    if kind not in _SCOPES:
        raise bad_request("can't parse BotCommandScope: unsupported type specified")
    if not re.fullmatch(r"([a-z]{2})?", language):
        raise bad_request("LANG_CODE_NOT_SUPPORTED")
    where = "".join(f":{scope[name]}" for name in ("chat_id", "user_id") if name in scope)
    return f"{kind}{where}", language


def _set_description(name: str) -> Method:
    def set_text(world: World, request: Request) -> object:
        """The text of a language, shown in the bot's profile."""
        if len(request.text(name)) > _DESCRIPTIONS[name]:
            raise bad_request(f"{name} is too long")
        world.texts[name, request.text("language_code")] = request.text(name)
        return True

    return set_text


def _get_description(name: str) -> Method:
    def get_text(world: World, request: Request) -> object:
        """The text of a language, or of all where it has none."""
        default = world.texts.get((name, ""), "")
        return {name: world.texts.get((name, request.text("language_code")), default)}

    return get_text


METHODS: Mapping[str, Method] = {
    **CHAT_METHODS,
    "getUpdates": get_updates,
    "setWebhook": set_webhook,
    "deleteWebhook": delete_webhook,
    "getWebhookInfo": get_webhook_info,
    "setMyCommands": set_my_commands,
    "getMyCommands": get_my_commands,
    "deleteMyCommands": delete_my_commands,
    "setMyDescription": _set_description("description"),
    "getMyDescription": _get_description("description"),
    "setMyShortDescription": _set_description("short_description"),
    "getMyShortDescription": _get_description("short_description"),
}
