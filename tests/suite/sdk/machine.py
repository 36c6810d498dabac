"""A training job of a machine: one run where it is told to or, without a word, where its account submits; one in a closed project."""
import wandb
from steps import arguments, step

task = arguments()


def run(name, **where):
    made = wandb.init(id=name, **where)
    path = [made.entity, made.project, made.id]
    made.log({"loss": 1.0})
    made.finish()
    return path


step("viewer", lambda: (lambda me: [me.username, me.email, [t for t in me.teams]])(wandb.Api().viewer))
step("run", lambda: run(task["id"], project="train"))
if "closed" in task:
    step("closed", lambda: run("closed", entity=task["team"], project=task["closed"]))
step("done", lambda: True)
