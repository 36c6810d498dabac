"""A training script with a token file and no key: who it is, a run, and a run that outlives its access token."""
import json
import os
import time

import wandb
from steps import arguments, step

task = arguments()
cache = os.environ["WANDB_CREDENTIALS_FILE"]


def cached():
    """The access token that the client keeps on disk."""
    try:
        with open(cache) as f:
            return list(json.load(f)["credentials"].values())[0]
    except (OSError, ValueError, IndexError):
        return {"access_token": ""}


before = cached()["access_token"]
begun = time.time()
step("init", lambda: wandb.init(entity=task.get("entity"), project=task["project"], id=task["id"]) and None)
step("seconds", lambda: time.time() - begun)
run = wandb.run
if run is not None:
    step("path", lambda: [run.entity, run.project, run.id])
    run.log({"loss": 1.0})
    if task.get("until_refreshed"):
        # The client asks for a new token when the old one has five minutes left; each line gives it a reason to.
        end = time.time() + 60
        while cached()["access_token"] == before and time.time() < end:
            run.log({"loss": 0.5})
            run.config.update({"at": time.time()}, allow_val_change=True)
            time.sleep(0.5)
        step("refreshed", lambda: cached()["access_token"] != before)
    run.log({"loss": 0.1})
    step("finish", lambda: run.finish())
    step("viewer", lambda: wandb.Api().viewer.username)
step("cached", lambda: [len(cached()["access_token"]), cached().get("expires_at"), oct(os.stat(cache).st_mode & 0o777)])
step("version", lambda: wandb.__version__)
step("done", lambda: True)
