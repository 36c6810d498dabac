"""The same operations by somebody who may not: what the client shows."""
import wandb
from steps import arguments, member, step

task = arguments()
team_name, other = task["team"], task["other"]

api = wandb.Api()
step("viewer", lambda: api.viewer.username)
step("create_user", lambda: api.create_user("intruder@example.com"))
step("create_admin", lambda: api.create_user("intruder2@example.com", admin=True))
step("user", lambda: api.user(task["victim"]) and api.user(task["victim"]).email)
step("users", lambda: [u.username for u in api.users("example.com")])
step("create_team", lambda: api.create_team(other, task["me"]).name)
team = step("team", lambda: api.team(team_name))
step("members", lambda: [member(m) for m in team.members])
step("projects", lambda: [p.name for p in api.projects(team_name)])
step("project", lambda: api.project(task["project"], team_name).id)
if not task["inside"]:
    step("create_project", lambda: api.create_project("intrusion", team_name))
if team is not None:
    step("invite", lambda: team.invite(task["me_too"], admin=True))
    step("create_service_account", lambda: team.create_service_account("intruder"))
    step("delete_member", lambda: [m for m in team.members if m.username == task["victim"]][0].delete())
step("done", lambda: True)
