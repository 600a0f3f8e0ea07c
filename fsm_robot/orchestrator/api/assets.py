"""The calls of assets."""

from __future__ import annotations

from fsm_robot.orchestrator.api.asked import Asked, guid_of, nothing
from fsm_robot.orchestrator.objects import ALL_ROBOTS, LONGEST_ASSET_TEXT, TEXT, AssetRow
from fsm_robot.orchestrator.protocol import Answer, GarbledRequestError
from fsm_robot.orchestrator.published import asset_row


def create(asked: Asked) -> Answer:
    """Make an asset."""
    values: dict[str, object] = {
        "description": asked.text("description"),
        "type": asked.number("type", TEXT, 1, 3),
        "text": _text(asked),
        "password": asked.text("password"),
        "password_expiration": _moment(asked),
        "robot_type": asked.number("robottype", ALL_ROBOTS, 1, 3),
        "robot_id": _robot(asked),
        "robot_group_id": asked.number("robotgroupid", 0) or None,
    }
    return guid_of(asked.store.assets.add(asked.name("name"), **values).guid)


def read(asked: Asked) -> Answer:
    """Show an asset, its value included, to a robot that may read it; an API key may read all."""
    return asked.row(asset_row(_found(asked, asked.reference)))


def update(asked: Asked) -> Answer:
    """Change an asset."""
    asset = _found(asked, asked.name("guid"))
    given = asked.reader(
        name=("name", asked.name),
        description=("description", asked.text),
        type=("type", lambda name: asked.number(name, asset.type, 1, 3)),
        text=("text", lambda _: _text(asked, asset.type)),
        password=("password", asked.text),
        password_expiration=("passwordexpiration", lambda _: _moment(asked)),
        robot_type=("robottype", lambda name: asked.number(name, ALL_ROBOTS, 1, 3)),
        robot_id=("robotid", lambda _: _robot(asked)),
        robot_group_id=("robotgroupid", lambda name: asked.number(name, 0) or None),
    )
    defaults = {"description": "", "text": "", "password": "", "password_expiration": None}
    asked.store.assets.change(asset, **asked.columns(given, defaults))
    return nothing()


def delete(asked: Asked) -> Answer:
    """Delete an asset."""
    asked.store.assets.delete(_found(asked, asked.reference))
    return nothing()


def _found(asked: Asked, name: str) -> AssetRow:
    if asked.robot is None:
        return asked.store.assets.find(name, by_name=asked.by_name)
    return asked.store.assets.find_for(name, asked.robot.row_id, asked.robot.group_id, by_name=asked.by_name)


def _text(asked: Asked, kind: int = TEXT) -> str:
    text = asked.text("text")
    if asked.number("type", kind, 1, 3) == TEXT and len(text) > LONGEST_ASSET_TEXT:
        raise GarbledRequestError(f"text may have at most {LONGEST_ASSET_TEXT} characters")
    return text


def _moment(asked: Asked) -> str | None:
    moment = asked.moment("passwordexpiration")
    return None if moment is None else moment.isoformat(timespec="microseconds")


def _robot(asked: Asked) -> int | None:
    name = asked.text("robotid")
    return asked.store.credentials.find(name).row_id if name else None
