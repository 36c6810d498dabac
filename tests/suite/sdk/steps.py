"""Runs named steps and prints one JSON object for each; the Rust side judges."""
import json
import sys


def plain(value):
    """What the SDK hands back, as something JSON can carry."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    return repr(value)


def step(name, action):
    """Runs one step; its value, or None when it raised."""
    try:
        value = action()
        print(json.dumps({"step": name, "value": plain(value)}), flush=True)
        return value
    except BaseException as error:  # noqa: BLE001 - SystemExit and the SDK's own are answers too
        text = f"{type(error).__module__}.{type(error).__name__}: {error}"
        print(json.dumps({"step": name, "error": text}), flush=True)
        return None


def member(m):
    """The fields of a team member that matter here."""
    return {
        "id": m.id, "username": m.username, "email": m.email, "admin": m.admin,
        "type": m.account_type, "name": m.name, "pending": m.pending,
    }


def arguments():
    """The task, as JSON in the first argument."""
    return json.loads(sys.argv[1])
