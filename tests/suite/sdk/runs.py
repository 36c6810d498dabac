"""Runs through the public API: found, read, changed, deleted."""
import wandb
from steps import arguments, step

task = arguments()
path = f"{task['entity']}/{task['project']}"
api = wandb.Api()

step("runs", lambda: [r.id for r in api.runs(path, order="+created_at")])
step("newest_first", lambda: [r.id for r in api.runs(path, order="-created_at")])
step("filtered", lambda: [r.id for r in api.runs(path, filters={"config.lr": {"$gte": 0.1}, "state": "failed"})])
step("filtered_out", lambda: [r.id for r in api.runs(path, filters={"$or": [{"tags": "nothing"}, {"display_name": "x"}]})])
step("filter_wrong", lambda: len(api.runs(path, filters={"state": {"$where": "1"}})))
run = api.run(f"{path}/{task['id']}")
step("run", lambda: {
    "name": run.name, "state": run.state, "tags": sorted(run.tags), "notes": run.notes, "group": run.group,
    "job_type": run.job_type, "user": run.user.username, "config": run.config, "loss": run.summary.get("loss"),
    "best": run.summary.get("best"), "last_step": run.lastHistoryStep,
})
step("history", lambda: run.history(pandas=False))
step("history_keys", lambda: run.history(keys=["loss", "acc"], pandas=False))
step("scan", lambda: list(run.scan_history()))
step("scan_keys", lambda: list(run.scan_history(keys=["acc"])))
step("events", lambda: len(run.history(stream="system", pandas=False)) >= 0)
step("files", lambda: {f.name: f.size for f in run.files()})
step("file", lambda: run.file("note.txt").download(replace=True).read())
step("logs", lambda: run.file("output.log").download(replace=True).read())
with open("added.txt", "w") as f:
    f.write("added later")
step("upload", lambda: run.upload_file("added.txt") and None)
step("uploaded", lambda: run.file("added.txt").download(replace=True).read())
step("delete_file", lambda: run.file("added.txt").delete())
step("files_after", lambda: sorted(f.name for f in run.files()))
run.config["lr"] = 0.5
run.tags = ["c"]
run.name = "renamed"
run.notes = "another note"
run.summary["best"] = 43
step("update", lambda: run.update())
again = wandb.Api().run(f"{path}/{task['id']}")
step("updated", lambda: {
    "config": again.config, "tags": again.tags, "name": again.name, "notes": again.notes,
    "best": again.summary.get("best"),
})
made = step("create", lambda: api.create_run(project=task["project"], entity=task["entity"]).id)
if hasattr(run, "stop"):
    step("stop", lambda: api.run(f"{path}/{made}").stop())
if hasattr(run, "update_state"):
    step("state", lambda: api.run(f"{path}/{made}").update_state("failed"))
step("delete", lambda: api.run(f"{path}/{made}").delete())
step("deleted", lambda: wandb.Api().run(f"{path}/{made}").state)
step("unknown", lambda: api.run(f"{path}/nothing1").state)
step("version", lambda: wandb.__version__)
step("done", lambda: True)
