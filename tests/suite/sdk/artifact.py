"""A run that tries to keep an artifact, which this server does not offer."""
import time

import wandb
from steps import arguments, step

task = arguments()
begun = time.time()
step("init", lambda: wandb.init(entity=task["entity"], project=task["project"], id=task["id"]) and None)
run = wandb.run
run.log({"a": 1})
with open("model.bin", "w") as f:
    f.write("weights")


def keep():
    artifact = wandb.Artifact("model", type="model")
    artifact.add_file("model.bin")
    run.log_artifact(artifact)
    artifact.wait(timeout=20)


step("log_artifact", keep)
run.log({"a": 2})
step("finish", lambda: run.finish())
step("seconds", lambda: time.time() - begun)
