"""Telegram's messages of every kind as the fields that make them one, and what the bot says to each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bot.locales import say

Fields = Mapping[str, object]
PERSON = {"id": 91, "is_bot": False, "first_name": "Ben"}
CHANNEL = {"id": -1009, "type": "channel", "title": "News"}
FILE = {"file_id": "F", "file_unique_id": "f"}
PHOTO = [{**FILE, "width": 1, "height": 1}]
CLIP = {**FILE, "width": 1, "height": 1, "duration": 1}
HERE = {"latitude": 52.52, "longitude": -13.405}
WHERE = "52.52000° N, 13.40500° W"
CARD = "BEGIN:VCARD\nVERSION:3.0\nFN:Ben Miller\nTEL;TYPE=cell:+49 170 1234567\nEMAIL:ben@example.org\nEND:VCARD\n"


def poll(kind: str) -> Fields:
    """A poll or a quiz of two options."""
    options = [{"text": text, "voter_count": 0, "persistent_id": text} for text in ("Pizza", "Sushi")]
    flags = {"is_closed": False, "is_anonymous": True, "allows_multiple_answers": False, "allows_revoting": False}
    base = {"id": "1", "question": "Where shall we eat?", "total_voter_count": 0, "type": kind, "members_only": False}
    return {"poll": {**base, **flags, "options": options}}


def sticker(emoji: str | None) -> Fields:
    """A sticker."""
    flags = {"is_animated": False, "is_video": False, "type": "regular"}
    return {"sticker": {**FILE, **flags, "width": 1, "height": 1, **({"emoji": emoji} if emoji else {})}}


def tasks() -> Fields:
    """A checklist of which one task is done."""
    listed = [{"id": 1, "text": "Milk", "completed_by_user": PERSON, "completion_date": 1}, {"id": 2, "text": "Bread"}]
    return {"checklist": {"title": "Groceries", "tasks": listed}}


@dataclass(frozen=True)
class Kind:
    """A kind of message without words, and the answer to it."""

    fields: Fields
    key: str
    """Of the phrase that the answer begins with."""
    values: Mapping[str, object]
    more: str = ""
    """What follows the phrase."""
    keepable: bool = False

    def said(self, language: str) -> str:
        """The whole answer."""
        return say(language, self.key, **self.values) + self.more


def _poll(kind: str, key: str) -> Kind:
    more = f"\n• Pizza\n• Sushi\n{say('en', 'tg_poll_no_vote')}"
    return Kind(poll(kind), key, {"question": "Where shall we eat?"}, more, keepable=True)


def _dice(emoji: str, value: int, key: str) -> Kind:
    return Kind({"dice": {"emoji": emoji, "value": value}}, key, {"emoji": emoji, "value": value})


GIVEAWAY = {"chats": [CHANNEL], "winners_selection_date": 1, "winner_count": 1}
WINNERS = {
    "chat": CHANNEL,
    "giveaway_message_id": 1,
    "winners_selection_date": 1,
    "winner_count": 1,
    "winners": [PERSON],
}
PAYMENT = {"currency": "XTR", "total_amount": 5, "invoice_payload": "x"}
CHARGED = {"telegram_payment_charge_id": "t", "provider_payment_charge_id": "p"}
INVOICE = {"title": "Tea", "description": "Green", "start_parameter": "s", "currency": "EUR", "total_amount": 500}
KINDS: Mapping[str, Kind] = {
    "location": Kind({"location": HERE}, "tg_location", {"where": WHERE}, keepable=True),
    "location with its error": Kind(
        {"location": {**HERE, "horizontal_accuracy": 20.4}},
        "tg_location",
        {"where": say("en", "tg_position_within", where=WHERE, metres=20)},
        keepable=True,
    ),
    "live location": Kind(
        {"location": {**HERE, "live_period": 900}}, "tg_live_location", {"where": WHERE}, keepable=True
    ),
    "venue": Kind(
        {"venue": {"location": HERE, "title": "Café Ada", "address": "Kanalstraße 3"}, "location": HERE},
        "tg_venue",
        {"title": "Café Ada", "address": "Kanalstraße 3", "where": WHERE},
        keepable=True,
    ),
    "contact": Kind(
        {"contact": {"phone_number": "+491701234567", "first_name": "Ben", "last_name": "Miller", "vcard": CARD}},
        "tg_contact",
        {"name": "Ben Miller"},
        "\nPhone (cell): +49 170 1234567\nEmail: ben@example.org",
        keepable=True,
    ),
    "contact without a card": Kind(
        {"contact": {"phone_number": "5550101", "first_name": "Ben"}},
        "tg_contact",
        {"name": "Ben"},
        f"\n{say('en', 'tg_contact_phone', number='5550101')}",
        keepable=True,
    ),
    "poll": _poll("regular", "tg_poll"),
    "quiz": _poll("quiz", "tg_quiz"),
    "checklist": Kind(tasks(), "tg_checklist", {"title": "Groceries"}, "\n☑ Milk\n☐ Bread", keepable=True),
    "sticker": Kind(sticker("😀"), "tg_sticker", {"emoji": "😀"}),
    "sticker without emoji": Kind(sticker(None), "tg_sticker_plain", {}),
    "die": _dice("🎲", 4, "tg_dice"),
    "bullseye": _dice("🎯", 6, "tg_dice_won"),
    "pins": _dice("🎳", 3, "tg_dice"),
    "goal": _dice("⚽", 3, "tg_dice_won"),
    "missed basket": _dice("🏀", 2, "tg_dice_lost"),
    "slot machine": _dice("🎰", 63, "tg_dice_lost"),
    "animation": Kind({"animation": CLIP, "document": FILE}, "tg_animation", {}),
    "game": Kind({"game": {"title": "Chess", "description": "d", "photo": PHOTO}}, "tg_game", {"title": "Chess"}),
    "story": Kind({"story": {"chat": CHANNEL, "id": 1}}, "tg_story", {}),
    "paid media": Kind(
        {"paid_media": {"star_count": 1, "paid_media": [{"type": "photo", "photo": PHOTO}]}}, "tg_paid_media", {}
    ),
    "invoice": Kind({"invoice": INVOICE}, "tg_invoice", {"title": "Tea"}),
    "payment": Kind({"successful_payment": {**PAYMENT, **CHARGED}}, "tg_payment", {}),
    "giveaway": Kind({"giveaway": GIVEAWAY}, "tg_giveaway", {}),
    "giveaway winners": Kind({"giveaway_winners": WINNERS}, "tg_giveaway", {}),
    "passport data": Kind(
        {"passport_data": {"data": [], "credentials": {"data": "d", "hash": "h", "secret": "s"}}}, "tg_passport", {}
    ),
}
"""Kinds that the bot tells back in words."""

_TASK = {"checklist_tasks_done": {"marked_as_done_task_ids": [1]}}
_POST = {"currency": "XTR", "amount": 5}
_STARS = {"amount": 5}
_OWNED = {"gift": {"id": "1", "sticker": sticker("🎁")["sticker"], "star_count": 5}}
_UNIQUE_PARTS = {
    "gift_id": "1",
    "base_name": "b",
    "name": "n",
    "number": 1,
    "model": {"name": "m", "sticker": sticker("🎁")["sticker"], "rarity_per_mille": 1},
    "symbol": {"name": "s", "sticker": sticker("🎁")["sticker"], "rarity_per_mille": 1},
    "backdrop": {
        "name": "b",
        "colors": {"center_color": 0, "edge_color": 0, "symbol_color": 0, "text_color": 0},
        "rarity_per_mille": 1,
    },
}
SERVICE: Mapping[str, Fields] = {
    "boost_added": {"boost_added": {"boost_count": 1}},
    "channel_chat_created": {"channel_chat_created": True},
    "chat_background_set": {"chat_background_set": {"type": {"type": "chat_theme", "theme_name": "🎄"}}},
    "chat_owner_changed": {"chat_owner_changed": {"new_owner": PERSON}},
    "chat_owner_left": {"chat_owner_left": {}},
    "chat_shared": {"chat_shared": {"request_id": 1, "chat_id": -5}},
    "checklist_tasks_added": {"checklist_tasks_added": {"tasks": [{"id": 1, "text": "Milk"}]}},
    "checklist_tasks_done": _TASK,
    "connected_website": {"connected_website": "example.org"},
    "delete_chat_photo": {"delete_chat_photo": True},
    "direct_message_price_changed": {"direct_message_price_changed": {"are_direct_messages_enabled": False}},
    "forum_topic_closed": {"forum_topic_closed": {}},
    "forum_topic_created": {"forum_topic_created": {"name": "Trips", "icon_color": 1}},
    "forum_topic_edited": {"forum_topic_edited": {"name": "Travels"}},
    "forum_topic_reopened": {"forum_topic_reopened": {}},
    "general_forum_topic_hidden": {"general_forum_topic_hidden": {}},
    "general_forum_topic_unhidden": {"general_forum_topic_unhidden": {}},
    "gift": {"gift": _OWNED},
    "gift_upgrade_sent": {"gift_upgrade_sent": _OWNED},
    "giveaway_completed": {"giveaway_completed": {"winner_count": 1}},
    "giveaway_created": {"giveaway_created": {}},
    "group_chat_created": {"group_chat_created": True},
    "left_chat_member": {"left_chat_member": PERSON},
    "managed_bot_created": {"managed_bot_created": {"bot": {**PERSON, "is_bot": True}}},
    "message_auto_delete_timer_changed": {"message_auto_delete_timer_changed": {"message_auto_delete_time": 86400}},
    "new_chat_members": {"new_chat_members": [PERSON]},
    "new_chat_photo": {"new_chat_photo": PHOTO},
    "new_chat_title": {"new_chat_title": "Hikers"},
    "paid_message_price_changed": {"paid_message_price_changed": {"paid_message_star_count": 1}},
    "pinned_message": {"pinned_message": {"message_id": 1, "date": 0, "chat": CHANNEL}},
    "poll_option_added": {"poll_option_added": {"option_persistent_id": "1", "option_text": "Soup"}},
    "poll_option_deleted": {"poll_option_deleted": {"option_persistent_id": "1", "option_text": "Soup"}},
    "proximity_alert_triggered": {"proximity_alert_triggered": {"traveler": PERSON, "watcher": PERSON, "distance": 10}},
    "refunded_payment": {"refunded_payment": {**PAYMENT, "telegram_payment_charge_id": "t"}},
    "suggested_post_approval_failed": {"suggested_post_approval_failed": {"price": _POST}},
    "suggested_post_approved": {"suggested_post_approved": {"send_date": 1}},
    "suggested_post_declined": {"suggested_post_declined": {}},
    "suggested_post_paid": {"suggested_post_paid": {"currency": "XTR", "star_amount": _STARS}},
    "suggested_post_refunded": {"suggested_post_refunded": {"reason": "post_deleted"}},
    "supergroup_chat_created": {"supergroup_chat_created": True},
    "unique_gift": {"unique_gift": {"gift": _UNIQUE_PARTS, "origin": "transfer"}},
    "users_shared": {"users_shared": {"request_id": 1, "users": [{"user_id": 5}]}},
    "video_chat_ended": {"video_chat_ended": {"duration": 5}},
    "video_chat_participants_invited": {"video_chat_participants_invited": {"users": [PERSON]}},
    "video_chat_scheduled": {"video_chat_scheduled": {"start_date": 1}},
    "video_chat_started": {"video_chat_started": {}},
    "web_app_data": {"web_app_data": {"data": "d", "button_text": "b"}},
    "write_access_allowed": {"write_access_allowed": {}},
}
"""Messages that only say what happened in the chat."""
