"""The main job: an administrator runs an organization with nothing but wandb.Api."""
import wandb
from steps import arguments, member, plain, step

task = arguments()
team_name, project, key_name = task["team"], task["project"], "laptop"
newest = not wandb.__version__.startswith("0.16")

step("version", lambda: wandb.__version__)
api = wandb.Api()
step("viewer", lambda: {"username": api.viewer.username, "email": api.viewer.email, "admin": api.viewer._attrs.get("admin")})
step("default_entity", lambda: api.default_entity)

# People.
step("create_user", lambda: (lambda u: {"id": u.id, "email": u.email, "username": u.username, "admin": u.admin})(
    api.create_user(task["email"])))
step("create_admin", lambda: (lambda u: {"email": u.email, "username": u.username, "admin": u.admin})(
    api.create_user(task["admin_email"], admin=True)))
step("create_again", lambda: api.create_user(task["email"]))
step("user_by_email", lambda: (lambda u: u and {"username": u.username, "email": u.email})(api.user(task["email"])))
step("user_by_name", lambda: (lambda u: u and {"username": u.username, "email": u.email})(api.user(task["username"])))
step("user_unknown", lambda: api.user("nobody-of-this-name"))
step("users", lambda: [u.username for u in api.users(task["search"])])
step("users_unknown", lambda: api.users("nobody-of-this-name"))

# A team, its members, its service account.
team = step("create_team", lambda: api.create_team(team_name, task["username"]))
step("team", lambda: {"name": team.name, "members": [member(m) for m in team.members]})
step("invite", lambda: team.invite(task["invitee"]))
step("invite_again", lambda: team.invite(task["invitee"]))
step("invite_by_email_as_admin", lambda: team.invite(task["admin_email"], admin=True))
step("invite_unknown_user", lambda: team.invite("nobody-of-this-name"))
step("members", lambda: [member(m) for m in api.team(team_name).members])
service = step("create_service_account", lambda: team.create_service_account("nightly job"))
step("service", lambda: dict(member(service), key=service.api_key))
step("service_key_is_shown_once", lambda: [m.api_key for m in wandb.Api().team(team_name).members])
step("teams_of_user", lambda: api.user(task["username"]).teams)
step("delete_member", lambda: [m for m in api.team(team_name).members if m.username == task["invitee"]][0].delete())
step("members_after", lambda: [member(m) for m in api.team(team_name).members])
step("team_unknown", lambda: api.team("no-such-team"))

# Projects, in a team of one's own: an administrator does not see into the projects of others.
own = team_name + "-own"
step("create_own_team", lambda: [member(m) for m in api.create_team(own).members])
step("create_project", lambda: api.create_project(project, own))
step("create_project_2", lambda: api.create_project(project + "-2", own))
step("projects", lambda: sorted(p.name for p in api.projects(own)))
step("project", lambda: (lambda p: {"name": p.name, "entity": p.entity})(api.project(project, own)))
if newest:  # the old SDK asks for a project only when its runs are read
    step("project_unknown", lambda: api.project("no-such-project", own).id)
step("create_project_elsewhere", lambda: api.create_project(project, team_name))

# Keys: the name is the public part, the secret is shown by its maker alone.
viewer = api.viewer
step("keys_before", lambda: viewer.api_keys)
secret = step("generate_api_key", lambda: viewer.generate_api_key(key_name))
step("keys_after", lambda: wandb.Api().viewer.api_keys)
if newest and secret:
    step("new_key_works", lambda: wandb.Api(api_key=secret).viewer.username)
    fresh = wandb.Api().viewer
    made = [name for name in fresh.api_keys if secret.startswith(name)]
    step("delete_api_key", lambda: fresh.delete_api_key(made[0]))
    step("deleted_key_is_dead", lambda: wandb.Api(api_key=secret).viewer.username)
step("done", lambda: True)
