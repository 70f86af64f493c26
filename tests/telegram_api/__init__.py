"""A Bot API server on the loopback interface for tests, strict where Telegram is and able to fail on order."""

from tests.telegram_api.faults import BadNetwork, Drop, Fault, NoAnswer, Refusal, Slow, TooManyRequests
from tests.telegram_api.people import GroupDriver, UserDriver
from tests.telegram_api.records import Draft, Entity, Message
from tests.telegram_api.server import TOKEN, TelegramServer

__all__ = [
    "TOKEN",
    "BadNetwork",
    "Draft",
    "Drop",
    "Entity",
    "Fault",
    "GroupDriver",
    "Message",
    "NoAnswer",
    "Refusal",
    "Slow",
    "TelegramServer",
    "TooManyRequests",
    "UserDriver",
]
