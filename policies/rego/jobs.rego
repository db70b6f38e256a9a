# METADATA
# title: Nomad jobs
# description: >-
#   Rules on what Nomad makes of a job file. The input is {"environment": …, "job": …}, with the job as `nomad job run -output`
#   prints it: what a file leaves out is null, which is no false to Rego. Durations are in nanoseconds.
package closecast.jobs

import rego.v1

second := 1000000000

# Jobs whose instances people and programs wait for.
serving := {"api", "gateway", "ui"}

# Found by discovery, but by nothing that one waits for: the operator asks it, and LocalStack's own check covers it.
unchecked := {"object-store-companion"}

groups := input.job.TaskGroups

tasks contains task if some task in groups[_].Tasks

services contains service if some service in groups[_].Services

services contains service if some service in groups[_].Tasks[_].Services

is_local if input.environment == "local"

# Seconds for which an instance still answers after it was told to stop.
drain(group) := to_number(group.Tasks[_].Env.CLOSECAST_DRAIN_SECONDS)

names_a_secret(name) if regex.match(`(?i)(password|passwd|secret|token|api_?key|access_?key|private_?key)`, name)

# What only names or limits a secret.
names_a_secret_not(name) if regex.match(`(?i)(_file|_url|_sha256|_issuers|_seconds|_bucket|_folder|_username)$`, name)

# --- no secret in a job file ---

deny contains message("no-secret", sprintf("task %s has a value for %s: read it from a Variable in a template", [task.Name, name])) if {
	some task in tasks
	some name, value in task.Env
	names_a_secret(name)
	not names_a_secret_not(name)
	value != ""
	not contains(value, "${")
}

deny contains message("no-secret", sprintf("a template of task %s has a value for %s: read it from a Variable", [task.Name, name])) if {
	some task in tasks
	some template in task.Templates
	some line in split(template.EmbeddedTmpl, "\n")
	parts := regex.find_all_string_submatch_n(`^\s*([A-Z][A-Z0-9_]*)=(.+)$`, line, 1)[0]
	name := parts[1]
	names_a_secret(name)
	not names_a_secret_not(name)
	not contains(parts[2], "{{")
	not contains(parts[2], "$")
}

# --- every task says what it needs ---

deny contains message("resources", sprintf("task %s does not say how much processor and memory it needs", [task.Name])) if {
	some task in tasks
	not sized(task)
}

sized(task) if {
	task.Resources.CPU > 0
	task.Resources.MemoryMB > 0
}

# --- every service is checked ---

deny contains message("checks", sprintf("service %s has no check", [service.Name])) if {
	some service in services
	not service.Name in unchecked
	not is_checked(service)
}

is_checked(service) if count(service.Checks) > 0

# --- an instance leaves discovery before it stops answering ---

deny contains message("shutdown-delay", sprintf("group %s has several instances, and one that stops is still found by its clients: set shutdown_delay, or drain", [group.Name])) if {
	some group in groups
	count(object.get(group, "Services", [])) > 0
	needs_a_delay(group)
	not leaves_in_time(group)
}

needs_a_delay(group) if group.Count > 1

needs_a_delay(_) if {
	not is_local
	input.job.ID in serving
}

leaves_in_time(group) if group.ShutdownDelay >= 2 * second

leaves_in_time(group) if drain(group) >= 2

# --- a task has the time that it takes to stop ---

# Draining, and five seconds for what is under way.
deny contains message("kill-timeout", sprintf("task %s drains for %v s and is killed after %v s: allow five seconds more for what is under way", [task.Name, drain(group), task.KillTimeout / second])) if {
	some group in groups
	some task in group.Tasks
	task.KillTimeout < (drain(group) + 5) * second
}

deny contains message("kill-timeout", sprintf("task %s of a service does not say how long stopping may take", [task.Name])) if {
	input.job.Type == "service"
	some task in tasks
	not task.KillTimeout > 0
}

# --- an image is one image for ever ---

deny contains message("pinned-image", sprintf("task %s runs the image %s, which may be another one tomorrow: name its digest", [task.Name, task.Config.image])) if {
	some task in tasks
	task.Driver == "docker"
	not regex.match(`(^|@)sha256:[0-9a-f]{64}$`, task.Config.image)
}

# --- what serves people is updated carefully ---

deny contains message("careful-update", sprintf("group %s serves people and does not go back when an update fails: set auto_revert", [group.Name])) if {
	input.job.ID in serving
	some group in groups
	not group.Update.AutoRevert == true
}

deny contains message("careful-update", sprintf("group %s serves people and is updated without a canary", [group.Name])) if {
	input.job.ID in serving
	some group in groups
	not group.Update.Canary > 0
	not has_a_fixed_port(group)
}

# Beside an instance with a fixed port there is no room for a canary on the same machine.
has_a_fixed_port(group) if {
	is_local
	count(group.Networks[_].ReservedPorts) > 0
}

# --- tasks are kept apart ---

deny contains message("no-raw-exec", sprintf("task %s runs by raw_exec, with nothing between it and the machine: only the local environment may", [task.Name])) if {
	some task in tasks
	task.Driver == "raw_exec"
	not is_local
}

deny contains message("no-privileges", sprintf("task %s asks Docker for the machine's own rights", [task.Name])) if {
	some task in tasks
	task.Driver == "docker"
	task.Config.privileged == true
}

deny contains message("no-privileges", sprintf("task %s mounts a folder of the machine", [task.Name])) if {
	some task in tasks
	task.Driver == "docker"
	some volume in task.Config.volumes
	startswith(volume, "/")
}

message(rule, text) := {"rule": rule, "text": sprintf("%s: %s", [input.job.ID, text])}
