"""A business account that is connected with the bot, as a test plays it: its owner, their customers, the bot's right.

A customer's chat belongs to the account. The bot may write there through the connection only, as Telegram has it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from tests.telegram_api.records import JSON, Chat, FormattedText, Message, User
from tests.telegram_api.request import Request
from tests.telegram_api.validation import bad_request
from tests.telegram_api.world import World


@dataclass(frozen=True)
class Connection:
    """A business connection."""

    id: str
    owner: JSON
    can_reply: bool
    enabled: bool = True

    def as_json(self) -> JSON:
        """The `BusinessConnection` object."""
        rights = {"can_reply": True} if self.can_reply else {}
        return {
            "id": self.id,
            "user": self.owner,
            "user_chat_id": self.owner["id"],
            "date": 1_700_000_000,
            "is_enabled": self.enabled,
            "rights": rights,
        }


class BusinessDriver:
    """An account owner's side of a connection."""

    def __init__(self, world: World, connection: Connection) -> None:
        self._world = world
        self.id = connection.id

    def announce(self, *, can_reply: bool | None = None, enabled: bool = True) -> None:
        """Tell the bot of the connection, or of a change to it."""
        with self._world.lock:
            now = replace(self._world.connections[self.id], enabled=enabled)
            now = now if can_reply is None else replace(now, can_reply=can_reply)
            self._world.connections[self.id] = now
            self._world.add_update("business_connection", now.as_json())

    def write(self, customer_id: int, text: str, *, by: int | None = None, name: str = "Cleo") -> Message:
        """Somebody writes in a customer's chat: the customer, or by their id the account's owner."""
        with self._world.lock:
            chat = self._world.business_chats.setdefault(
                (self.id, customer_id), Chat(customer_id, "private", first_name=name)
            )
            author = User(by or customer_id, name, language_code="en")
            message = self._world.add_message(Message(0, chat, author, int(self._world.clock()), FormattedText(text)))
            self._world.add_update("business_message", {**message.as_json(), "business_connection_id": self.id})
            return message


def chat_of(world: World, request: Request) -> Chat:
    """The chat that a request may write to, through a business connection where it names one."""
    chat_id, connection_id = request.integer("chat_id"), request.text("business_connection_id")
    if not connection_id:
        return world.chat(chat_id)
    connection = world.connections.get(connection_id)
    if connection is None or not connection.enabled:
        raise bad_request("BUSINESS_CONNECTION_INVALID")
    if not connection.can_reply:
        raise bad_request("BUSINESS_CONNECTION_NOT_ALLOWED")
    chat = world.business_chats.get((connection_id, chat_id))
    if chat is None:
        raise bad_request("BUSINESS_PEER_INVALID")
    return chat


def get_business_connection(world: World, request: Request) -> object:
    """A connection as it is now."""
    connection = world.connections.get(request.text("business_connection_id"))
    if connection is None:
        raise bad_request("BUSINESS_CONNECTION_INVALID")
    return connection.as_json()


def get_chat_administrators(world: World, request: Request) -> object:
    """The admins of a group, as the test named them."""
    chat = world.chat(request.integer("chat_id"))
    if chat.type == "private":
        raise bad_request("there are no administrators in the private chat")
    return [_administrator(user) for user in world.admins.get(chat.id, ())]


_RIGHTS = (
    *("can_be_edited", "is_anonymous", "can_manage_chat", "can_delete_messages", "can_manage_video_chats"),
    *("can_restrict_members", "can_promote_members", "can_change_info", "can_invite_users"),
    *("can_post_stories", "can_edit_stories", "can_delete_stories"),
)


def _administrator(user: JSON) -> JSON:
    return {"user": user, "status": "administrator", **dict.fromkeys(_RIGHTS, False)}


def answer_guest_query(world: World, request: Request) -> object:
    """The one message that answers a mention in a chat where the bot is not."""
    query_id, result = request.text("guest_query_id"), request.mapping("result")
    if query_id not in world.guest_queries:
        raise bad_request("QUERY_ID_INVALID")
    if "input_message_content" not in result or not result.get("title"):
        raise bad_request("can't parse inline query result")
    world.guest_queries.discard(query_id)
    return {"inline_message_id": f"inline-{query_id}"}
