"""A run from beginning to end, as a training script makes one; then the same run taken up again."""
import os
import time

import wandb
from steps import arguments, step

task = arguments()
where = {"entity": task.get("entity"), "project": task["project"], "id": task["id"]}


def begin(**more):
    return wandb.init(**{k: v for k, v in {**where, **more}.items() if v is not None})


begun = time.time()
run = step("init", lambda: begin(
    name="first try", config={"lr": 0.1, "layers": [1, 2], "deep": {"a": 1}}, tags=["a", "b"], notes="a note",
    group="g1", job_type="train") and None)
step("seconds", lambda: time.time() - begun)
run = wandb.run
if run is not None:
    step("path", lambda: [run.entity, run.project, run.id])
    for n in range(task.get("rows", 5)):
        run.log({"loss": 1 / (n + 1), "acc": n, "odd": float("nan"), "text": "x"})
    print("printed by the script")
    run.config.update({"later": True})
    run.summary["best"] = 42
    with open("note.txt", "w") as f:
        f.write("hello file\n")
    os.makedirs("sub", exist_ok=True)
    with open("sub/deep.txt", "w") as f:
        f.write("deep\n")
    step("save", lambda: run.save("note.txt") and None)
    step("save_deep", lambda: run.save("sub/deep.txt", base_path=".") and None)
    step("finish", lambda: run.finish())
    if task.get("resume"):
        step("resume", lambda: begin(resume="must") and None)
        run = wandb.run
        step("resumed_config", lambda: dict(run.config))
        run.log({"loss": 0.01, "acc": 99})
        step("resumed_step", lambda: run.step)
        print("printed after resuming")
        step("finish_again", lambda: run.finish(exit_code=3))
        step("resume_allow_new", lambda: wandb.init(
            entity=task.get("entity"), project=task["project"], id="allowed1", resume="allow") and None)
        if wandb.run is not None:
            step("finish_allowed", lambda: wandb.run.finish())
        step("resume_never", lambda: begin(resume="never") and None)
        if not wandb.__version__.startswith("0.16."):
            # The old client does not get through a second attempt in one process once one was refused.
            step("resume_must_unknown", lambda: wandb.init(
                entity=task.get("entity"), project=task["project"], id="unknown1", resume="must") and None)
step("version", lambda: wandb.__version__)
step("done", lambda: True)
