# Closecast: which open deals will be won, and by when. `just` alone lists the commands; `just up` is the one to begin with.

set positional-arguments
set no-exit-message

python := env("CLOSECAST_PYTHON", "python3")
ops := python + " -m ops"
bin := justfile_directory() / ".venv/bin"

export CLOSECAST_INVOCATION_DIR := invocation_directory()
# Compiled modules are kept, whatever the caller's shell says: a service that compiles what it imports takes thrice as long to start.
export PYTHONDONTWRITEBYTECODE := ""

[private]
default:
    @{{ just_executable() }} --justfile {{ justfile() }} --list --unsorted

# Bring the platform up and answer a first prediction; --source file:<path> makes your own export the platform's
[group('platform')]
up *arguments:
    @{{ ops }} up "$@"

# Stop everything this project started; --purge deletes its data too
[group('platform')]
down *arguments:
    @{{ ops }} down "$@"

# Show each service, its health and its address
[group('platform')]
status *arguments:
    @{{ ops }} status "$@"

# Print a job's log (nomad for the agent's own)
[group('platform')]
logs *arguments:
    @{{ ops }} logs "$@"

# Restart a job: says what that interrupts; several instances are replaced one after another
[group('platform')]
restart *arguments:
    @{{ ops }} restart "$@"

# List the API's keys: whose, which role, until when, last used
[group('platform')]
keys *arguments:
    @{{ ops }} keys "$@"

# Make an API key and print it, this once: key-create <name> [--role scorer] [--expires 90d]
[group('platform')]
key-create *arguments:
    @{{ ops }} key-create "$@"

# Give a key a new secret; the old one opens until the grace is over: key-rotate <id> [--grace 1h]
[group('platform')]
key-rotate *arguments:
    @{{ ops }} key-rotate "$@"

# Revoke an API key: within about a second it opens nothing
[group('platform')]
key-revoke *arguments:
    @{{ ops }} key-revoke "$@"

# Give a secret of the platform a new value while it serves: rotate <cache | database-closecast | webhook | api-key | …> [--grace 10m]
[group('platform')]
rotate *arguments:
    @{{ ops }} rotate "$@"

# List the people who sign in with a password: which role, since when
[group('platform')]
users *arguments:
    @{{ ops }} users "$@"

# Make a user and print the password, this once: user-create <name> [--role scorer]
[group('platform')]
user-create *arguments:
    @{{ ops }} user-create "$@"

# Change a user: user-change <name> [--role admin] [--disable | --enable] [--new-password]
[group('platform')]
user-change *arguments:
    @{{ ops }} user-change "$@"

# Show the OpenID provider with which people may sign in, or use the one of a file: sign-in-provider [file.yaml | --remove]
[group('platform')]
sign-in-provider *arguments:
    @{{ ops }} sign-in-provider "$@"

# Show what was done to keys, users and the champion, and check that the log is whole: audit [--limit 20]
[group('platform')]
audit *arguments:
    @{{ ops }} audit "$@"

# List open alerts, silences and messages that wait
[group('platform')]
alerts *arguments:
    @{{ ops }} alerts "$@"

# Silence alerts for some time: alert-silence <rule> [--label name=value] [--for 4h] --why <text>; or --end <number>
[group('platform')]
alert-silence *arguments:
    @{{ ops }} alert-silence "$@"

# Close an open alert by hand: alert-resolve <rule> [--key <text>]
[group('platform')]
alert-resolve *arguments:
    @{{ ops }} alert-resolve "$@"

# Show where messages about alerts go, or have them go where a file says: alert-sinks [file.yaml]
[group('platform')]
alert-sinks *arguments:
    @{{ ops }} alert-sinks "$@"

# Send a test message to every sink, and say whether each took it
[group('platform')]
alert-test *arguments:
    @{{ ops }} alert-test "$@"

# Replace names and identifiers wherever they are stored, and prove it: forget <id|account|agent> … [--kind id|account|agent] [--dry-run]
[group('platform')]
forget *arguments:
    @{{ ops }} forget "$@"

# Dump the databases and buckets of the running platform, restore them elsewhere, and compare: nothing of the platform changes
[group('platform')]
restore-drill *arguments: development
    @{{ ops }} restore-drill "$@"

# Ask a platform, as a caller does, for its health, its sign-in page and a prediction: smoke, or smoke <url> [--ca <file>] with the key in CLOSECAST_API_KEY
[group('platform')]
smoke *arguments: runtime
    @{{ ops }} smoke "$@"

# Show what submitting every job file would change (nomad job plan)
[group('platform')]
plan *arguments:
    @{{ ops }} plan "$@"

# Run the nomad command line with this project's address and its management token
[group('platform')]
nomad *arguments:
    @{{ ops }} nomad "$@"

# Tell what is missing on this machine and how to get it
[group('platform')]
doctor *arguments:
    @{{ ops }} doctor "$@"

# Train a model and promote it if it earned it: train [--source <…>] [--as-of <date>] [--fiscal-year-start <month>]
[group('model')]
train *arguments:
    @{{ ops }} train "$@"

# Measure the ladder and the gate with no platform up: evaluate --source <…> [--cut <date>] [--as-of <date>] [--fiscal-year-start <month>] [--trials <n>] [--json <file>] [--rows <file>]
[group('model')]
evaluate *arguments: runtime
    @{{ ops }} evaluate "$@"

# Compare the models of two commits on the same held-out deals, as Markdown: model-validation [--base main] [--head HEAD] [--source synthetic] [--cut <date>] [--out <file>]
[group('model')]
model-validation *arguments: runtime
    @{{ ops }} model-validation "$@"

# Say what is made of an export, and whether a model can be trained on it: check file:<path> [--mapping <file>] [--as-of <date>] [--json <file>]
[group('model')]
check *arguments: runtime
    @{{ ops }} check "$@"

# Propose a mapping for the export of another CRM, and write it to a file: map file:<path> [--out <file>]
[group('model')]
map *arguments: runtime
    @{{ ops }} map "$@"

# Judge the served model now, as the platform does every day: monitor [--source <…>] [--day <date>]
[group('model')]
monitor *arguments:
    @{{ ops }} monitor "$@"

# Search hyperparameters on Nomad and train with the best: tune [--source <…>] [--as-of <date>] [--trials 30] [--workers 2]
[group('model')]
tune *arguments:
    @{{ ops }} prefect-run tune/closecast "$@"

# Score the open deals of a CSV export: predict <file.csv> [--as-of <date>] [--horizon <days>] [--out <file.json>]
[group('model')]
predict *arguments:
    @{{ ops }} predict "$@"

# Rank the open pipeline, score one deal, and show the request that does it
[group('model')]
demo *arguments:
    @{{ ops }} demo "$@"

# Compute a recorded prediction again and compare it bit by bit: replay <id> [--row <n>]
[group('model')]
replay *arguments:
    @{{ ops }} replay "$@"

# Make an earlier version champion again, by default the champion before this one: rollback [version] [--force] [--dry-run]
[group('model')]
rollback *arguments:
    @{{ ops }} rollback "$@"

# Show the version in shadow and what outcomes say of it; set what follows: shadow [--policy auto|manual] [--days 60]
[group('model')]
shadow *arguments:
    @{{ ops }} shadow "$@"

# Sign a version that is known to you, so that services load it: sign-model <version>
[group('model')]
sign-model *arguments:
    @{{ ops }} sign-model "$@"

# Sign models with a new key; forget: trust no key before it any more. `just up` hands it on
[group('model')]
model-key-rotate *arguments:
    @{{ ops }} model-key-rotate "$@"

# Print the key that the REST API asks for
[group('model')]
api-key *arguments:
    @{{ ops }} api-key "$@"

# Print the passwords of the user interface, Prefect, MLflow, Prometheus and Alertmanager
[group('platform')]
passwords *arguments:
    @{{ ops }} passwords "$@"

# Start Prefect's server and worker
[group('prefect')]
prefect-start *arguments:
    @{{ ops }} prefect-start "$@"

# Stop Prefect's worker and server
[group('prefect')]
prefect-stop *arguments:
    @{{ ops }} prefect-stop "$@"

# Register the flows as deployments
[group('prefect')]
prefect-deploy *arguments:
    @{{ ops }} prefect-deploy "$@"

# Run a deployment and follow it: prefect-run [train/closecast] [--source …]
[group('prefect')]
prefect-run *arguments:
    @{{ ops }} prefect-run "$@"

# Show Prefect's health and the latest flow runs
[group('prefect')]
prefect-status *arguments:
    @{{ ops }} prefect-status "$@"

# Show all deployments, their schedules and the last twenty flow runs
[group('prefect')]
prefect-status-all *arguments:
    @{{ ops }} prefect-status-all "$@"

# Print the log of a flow run, the latest unless an id is given
[group('prefect')]
prefect-logs *arguments:
    @{{ ops }} prefect-logs "$@"

# Open Prefect's web page
[group('prefect')]
prefect-ui *arguments:
    @{{ ops }} prefect-ui "$@"

# Pause the schedules of a deployment, or of all
[group('prefect')]
prefect-pause *arguments:
    @{{ ops }} prefect-pause "$@"

# Resume the schedules of a deployment, or of all
[group('prefect')]
prefect-resume *arguments:
    @{{ ops }} prefect-resume "$@"

# Delete flow runs that ended more than --days 30 ago
[group('prefect')]
prefect-clean *arguments:
    @{{ ops }} prefect-clean "$@"

# Run the tests that need no running platform, or one suite of them: test [unit | integration | security | slow | all | index | e2e, with the platform up] [options of pytest, as --cov]
[group('development')]
test *arguments: testing
    @how="-n auto"; which="not e2e and not index and not slow"; \
    case "${1:-}" in \
      unit) how="-n logical --hypothesis-profile=quick tests/unit"; shift ;; \
      integration | security) how="-n auto tests/$1"; shift ;; \
      slow) which="slow"; shift ;; \
      all) which="not e2e and not index"; shift ;; \
      index) how="-n0"; which="index"; shift ;; \
      e2e) how="-n0 tests/e2e tests/security"; which="e2e"; shift ;; \
    esac; \
    exec {{ bin }}/pytest -m "$which" --dist loadgroup --no-loadscope-reorder $how "$@"

# Check style, types, import rules, workflows, security, job files, Terraform, policies, pictures and the locks; `lint fast` only the first four
[group('development')]
lint *which: development
    @{{ if which =~ '^(fast)?$' { "true" } else { error("just lint knows no `" + which + "`: write `just lint` or `just lint fast`") } }}
    {{ bin }}/ruff check
    {{ bin }}/ruff format --check
    {{ bin }}/mypy
    {{ bin }}/lint-imports
    {{ ops }} actionlint
    {{ bin }}/zizmor --offline --quiet --strict-collection .github
    @{{ if which == "fast" { "true" } else { quote(just_executable()) + " --justfile " + quote(justfile()) + " lint-rest" } }}

[private]
lint-rest: bandit
    {{ ops }} nomad-fmt -check
    {{ ops }} caddy-fmt -check
    terraform fmt -check -recursive terraform
    {{ ops }} tf docs --check
    {{ ops }} policy
    {{ ops }} pictures --check
    {{ bin }}/python -m ops.setup.locks --check

# Look for unsafe Python: what bandit judges to be of medium severity or more
[group('development')]
bandit: development
    {{ bin }}/bandit --quiet --configfile pyproject.toml --severity-level medium --recursive closecast flows services ops localstack

# Put the sources into the standard form
[group('development')]
fmt: development
    {{ bin }}/ruff check --fix
    {{ bin }}/ruff format
    {{ ops }} nomad-fmt
    {{ ops }} caddy-fmt
    terraform fmt -recursive terraform

# Make the hashed locks anew from pyproject.toml; --check only tells whether they still match it
[group('development')]
lock *arguments: development
    {{ bin }}/python -m ops.setup.locks "$@"

# Draw the pictures of the architecture from docs/architecture.dsl; --check only tells whether they still match it
[group('development')]
pictures *arguments: development
    @{{ ops }} pictures "$@"

# Build the documents as a site, and fail on a warning such as a dead link: docs; show it: docs serve; the table of licences: docs licences
[group('development')]
docs *arguments: development
    @{{ ops }} docs "$@"

# Look the hashed locks up in the advisory service; with --images also what the bills of materials of `just images` list
[group('development')]
vulnerabilities *arguments: development
    @{{ ops }} vulnerabilities "$@"

# List newer versions that pyproject.toml allows, as a table in Markdown: outdated [--out <file>]; exit status 2 when there are any
[group('development')]
outdated *arguments: development
    @{{ ops }} outdated "$@"

# Install what tests use and Python cannot bring: Chromium, OpenJDK, Prometheus, Docker (Debian and Ubuntu, as root or by sudo)
[group('development')]
test-programs:
    @{{ ops }} test-programs

# Measure on this machine and print a table: bench <up | features | scoring | truth | gate | scale | training | serving | kills | hostile | exports | forecast | history | proof | shadow | drift | monitor | filter | suite> [rounds=3 ...]
[group('development')]
bench what *arguments: development
    @{{ bin }}/python -m benchmarks."$@"

# Draw where time is spent, into .closecast/profiles: profile <api | journal | …> [--seconds 30], profile <train | evaluate | …> with its arguments
[group('development')]
profile *arguments: development
    @{{ ops }} profile "$@"

# Open a Python prompt with the champion loaded and the newest deals
[group('development')]
repl *arguments: development
    @{{ ops }} repl "$@"

# Make what the tagged version consists of in .closecast/release: wheel, images where Docker runs, bills of materials, notes: release [--rehearse] [--no-images] [--base <image>]
[group('development')]
release *arguments: development
    @{{ ops }} release "$@"

# Run the commands that show what Closecast must do, and write docs/acceptance.md: acceptance [--platform] [--only <area>]
[group('development')]
acceptance *arguments: development
    @{{ ops }} acceptance "$@"

# Terraform: tf <plan | apply | destroy | settings> <local | staging | production>, tf test [module], tf docs [--check]
[group('infrastructure')]
tf *arguments: development
    @{{ ops }} tf "$@"

# Build the services' images from the last commit, each with a bill of materials: images [--base <image>], images push <staging | production>
[group('infrastructure')]
images *arguments: development
    @{{ ops }} images "$@"

# Make the secrets of an environment in AWS that are missing, each once: secrets <staging | production> [--machines] [--database-ca <file>]
[group('infrastructure')]
secrets *arguments:
    @{{ ops }} secrets "$@"

# Run the jobs of an environment in AWS: show what changes, ask, do it: deploy <staging | production> [--plan | --yes | --back]
[group('infrastructure')]
deploy *arguments:
    @{{ ops }} deploy "$@"

# Try the rules on themselves, every job file, plans of staging and production, IAM and the Dockerfile, and look for secrets
[group('infrastructure')]
policy *arguments: development
    @{{ ops }} policy "$@"

[private]
runtime *arguments:
    @{{ ops }} environment "$@"

[private]
development:
    @{{ ops }} environment --dev

[private]
testing:
    @{{ ops }} environment --dev --programs

# Play a year of made-up deals through the real services, with a drift in its middle, on a platform of its own: simulate [months=12] [seed=1] [every=7] [minutes=75]
[group('development')]
simulate *arguments: development
    @{{ bin }}/python -m benchmarks.simulate "$@"
