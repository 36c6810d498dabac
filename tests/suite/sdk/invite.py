"""Invites a newcomer and somebody known to a team as `wandb` does, and lists the members afterwards."""
import json
import sys

import wandb

task = json.loads(sys.argv[1])
team = wandb.Api().team(task["team"])
for whom, admin in task["whom"]:
    try:
        print(json.dumps({"step": whom, "value": team.invite(whom, admin=admin), "error": None}), flush=True)
    except Exception as error:  # every failure is a result
        print(json.dumps({"step": whom, "value": None, "error": str(error)}), flush=True)
members = [[m.email, m.pending, m.admin] for m in wandb.Api().team(task["team"]).members]
print(json.dumps({"step": "members", "value": members, "error": None}), flush=True)
