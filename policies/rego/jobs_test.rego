# Each rule of jobs.rego with a job that breaks it and one that keeps it.
package closecast.jobs_test

import rego.v1

import data.closecast.jobs

sound := {
	"ID": "api",
	"Type": "service",
	"TaskGroups": [{
		"Name": "api",
		"Count": 2,
		"ShutdownDelay": 5000000000,
		"Update": {"AutoRevert": true, "Canary": 1},
		"Networks": [{"ReservedPorts": null}],
		"Services": [{"Name": "api", "Checks": [{"Name": "live"}]}],
		"Tasks": [{
			"Name": "api",
			"Driver": "docker",
			"KillTimeout": 15000000000,
			"Config": {"image": sprintf("registry.example/closecast/api@sha256:%s", [concat("", ["0" | some _ in numbers.range(1, 64)])])},
			"Env": {"CLOSECAST_DRAIN_SECONDS": "5", "DATABASE_PASSWORD_FILE": "/secrets/password"},
			"Resources": {"CPU": 400, "MemoryMB": 320},
			"Templates": [{"EmbeddedTmpl": "{{ with nomadVar \"nomad/jobs/api\" -}}\nAPI_KEY={{ .key }}\n{{- end }}"}],
		}],
	}],
}

task(changes) := {"op": "replace", "path": "/TaskGroups/0/Tasks/0", "value": object.union(sound.TaskGroups[0].Tasks[0], changes)}

group(changes) := {"op": "replace", "path": "/TaskGroups/0", "value": object.union(sound.TaskGroups[0], changes)}

rules(job, environment) := {found.rule | some found in jobs.deny with input as {"environment": environment, "job": job}}

broken(change) := rules(json.patch(sound, [change]), "production")

local(change) := rules(json.patch(sound, [change]), "local")

test_a_sound_job_keeps_every_rule if rules(sound, "production") == set()

test_no_secret_fails_in_the_environment if broken(task({"Env": {"CACHE_PASSWORD": "hunter2"}})) == {"no-secret"}

test_no_secret_fails_in_a_template if broken(task({"Templates": [{"EmbeddedTmpl": "AWS_SECRET_ACCESS_KEY=hunter2"}]})) == {"no-secret"}

test_no_secret_passes_for_what_is_filled_in if broken(task({"Env": {"CACHE_PASSWORD": "${NOMAD_META_password}"}})) == set()

test_resources_fails if broken(task({"Resources": {"CPU": 0, "MemoryMB": 320}})) == {"resources"}

test_resources_passes if broken(task({"Resources": {"CPU": 1, "MemoryMB": 1}})) == set()

test_checks_fails if broken(group({"Services": [{"Name": "api", "Checks": []}]})) == {"checks"}

test_checks_fails_without_any if broken(group({"Services": [{"Name": "api", "Checks": null}]})) == {"checks"}

test_checks_passes_for_what_is_asked_by_hand if broken(group({"Services": [{"Name": "object-store-companion", "Checks": null}]})) == set()

test_shutdown_delay_fails if {
	found := json.patch(sound, [group({"ShutdownDelay": 0, "Tasks": [object.union(sound.TaskGroups[0].Tasks[0], {"Env": {"CLOSECAST_DRAIN_SECONDS": "0"}})]})])
	rules(found, "production") == {"shutdown-delay"}
}

test_shutdown_delay_fails_where_the_file_says_nothing if {
	found := json.patch(sound, [group({"ShutdownDelay": null, "Tasks": [object.union(sound.TaskGroups[0].Tasks[0], {"Env": {"CLOSECAST_DRAIN_SECONDS": null}})]})])
	rules(found, "production") == {"shutdown-delay"}
}

test_shutdown_delay_passes_for_what_drains if broken(group({"ShutdownDelay": 0})) == set()

test_kill_timeout_fails if broken(task({"KillTimeout": 5000000000})) == {"kill-timeout"}

test_kill_timeout_fails_where_the_file_says_nothing if broken(task({"KillTimeout": null, "Env": {}})) == {"kill-timeout"}

test_kill_timeout_passes if broken(task({"KillTimeout": 10000000000})) == set()

test_pinned_image_fails if broken(task({"Config": {"image": "registry.example/closecast/api:latest"}})) == {"pinned-image"}

test_pinned_image_fails_with_part_of_a_digest if broken(task({"Config": {"image": "registry.example/closecast/api@sha256:abc"}})) == {"pinned-image"}

test_pinned_image_passes_by_its_identifier if {
	broken(task({"Config": {"image": "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"}})) == set()
}

test_pinned_image_passes if not "pinned-image" in rules(sound, "production")

test_careful_update_fails_without_a_way_back if broken(group({"Update": {"AutoRevert": false, "Canary": 1}})) == {"careful-update"}

test_careful_update_fails_where_the_file_says_nothing if broken(group({"Update": {"AutoRevert": null, "Canary": null}})) == {"careful-update"}

test_careful_update_fails_without_a_canary if broken(group({"Update": {"AutoRevert": true, "Canary": 0}})) == {"careful-update"}

test_careful_update_passes_on_one_machine_with_a_fixed_port if {
	local(group({"Update": {"AutoRevert": true, "Canary": 0}, "Networks": [{"ReservedPorts": [{"Label": "http", "Value": 8000}]}]})) == set()
}

test_no_raw_exec_fails_in_production if broken(task({"Driver": "raw_exec"})) == {"no-raw-exec"}

test_no_raw_exec_passes_on_a_laptop if local(task({"Driver": "raw_exec"})) == set()

test_no_privileges_fails if broken(task({"Config": object.union(sound.TaskGroups[0].Tasks[0].Config, {"privileged": true})})) == {"no-privileges"}

test_no_privileges_fails_for_a_folder_of_the_machine if {
	broken(task({"Config": object.union(sound.TaskGroups[0].Tasks[0].Config, {"volumes": ["/etc:/etc"]})})) == {"no-privileges"}
}

test_no_privileges_passes_for_a_folder_of_the_task if {
	broken(task({"Config": object.union(sound.TaskGroups[0].Tasks[0].Config, {"volumes": ["local/data:/data"]})})) == set()
}
