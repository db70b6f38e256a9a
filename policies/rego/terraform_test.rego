# Each rule of terraform.rego with a resource that breaks it and one that keeps it.
package closecast.terraform_test

import rego.v1

import data.closecast.terraform

tags := {"environment": "production", "project": "closecast"}

rules(type, values) := {found.rule |
	resource := {"address": sprintf("%s.one", [type]), "mode": "managed", "type": type, "index": "lake", "values": values}
	some found in terraform.deny with input as {"values": {"root_module": {"child_modules": [{"resources": [resource]}]}}}
}

test_encryption_fails_for_a_volume if rules("aws_ebs_volume", {"encrypted": false}) == {"encryption"}

test_encryption_fails_without_a_key if rules("aws_cloudwatch_log_group", {"kms_key_id": null}) == {"encryption"}

test_encryption_passes if rules("aws_cloudwatch_log_group", {"kms_key_id": "arn"}) == set()

test_encryption_passes_for_a_key_that_is_still_to_be_made if {
	group := {"address": "g", "mode": "managed", "type": "aws_cloudwatch_log_group", "values": {}}
	plan := {
		"planned_values": {"root_module": {"resources": [group]}},
		"resource_changes": [{"address": "g", "change": {"after_unknown": {"kms_key_id": true}}}],
	}
	count(terraform.deny) == 0 with input as plan
}

template(options, encrypted) := rules("aws_launch_template", {
	"metadata_options": [options],
	"block_device_mappings": [{"ebs": [{"encrypted": encrypted}]}],
})

guarded := {"http_tokens": "required", "http_put_response_hop_limit": 1}

test_encryption_fails_for_the_volume_of_a_machine if template(guarded, "false") == {"encryption"}

test_encryption_passes_for_the_volume_of_a_machine if template(guarded, "true") == set()

test_instance_metadata_fails_for_containers if template({"http_tokens": "required", "http_put_response_hop_limit": 2}, "true") == {"instance-metadata"}

test_instance_metadata_fails_without_a_token if template({"http_tokens": "optional", "http_put_response_hop_limit": 1}, "true") == {"instance-metadata"}

test_instance_metadata_passes if template(guarded, "true") == set()

test_no_public_bucket_fails if rules("aws_s3_bucket", {"tags_all": tags}) == {"no-public-bucket"}

test_no_public_bucket_passes if {
	bucket := {"address": "b", "mode": "managed", "type": "aws_s3_bucket", "index": "lake", "values": {"tags_all": tags}}
	block := {
		"address": "p", "mode": "managed", "type": "aws_s3_bucket_public_access_block", "index": "lake",
		"values": {"block_public_acls": true, "block_public_policy": true, "ignore_public_acls": true, "restrict_public_buckets": true},
	}
	count(terraform.deny) == 0 with input as {"values": {"root_module": {"resources": [bucket, block]}}}
}

rule(cidr, port) := rules("aws_vpc_security_group_ingress_rule", {"cidr_ipv4": cidr, "from_port": port, "to_port": port})

test_not_open_fails_for_another_port if rule("0.0.0.0/0", 22) == {"not-open"}

test_not_open_passes_for_443 if rule("0.0.0.0/0", 443) == set()

test_not_open_passes_from_within if rule("10.40.0.0/16", 22) == set()

database(changes) := rules("aws_db_instance", object.union({"storage_encrypted": true, "publicly_accessible": false, "multi_az": true}, changes))

test_not_open_fails_for_a_database if database({"publicly_accessible": true}) == {"not-open"}

test_not_open_passes_for_a_database if database({}) == set()

test_tags_fails if rules("aws_eip", {"tags_all": {"project": "closecast"}}) == {"tags"}

test_tags_passes if rules("aws_eip", {"tags_all": tags}) == set()

policy(action, resource) := rules("aws_iam_role_policy", {"policy": json.marshal({"Statement": [{"Effect": "Allow", "Action": action, "Resource": resource}]})})

test_no_wildcard_fails_for_everything if policy("s3:GetObject", "*") == {"no-wildcard"}

test_no_wildcard_fails_for_every_action if policy(["s3:*"], ["arn:aws:s3:::lake"]) == {"no-wildcard"}

test_no_wildcard_passes if policy(["s3:GetObject"], ["arn:aws:s3:::lake/*"]) == set()

test_no_wildcard_passes_where_aws_knows_no_resources if policy("ec2:DescribeInstances", "*") == set()

with_database(environment, standby) := {found.rule |
	bucket := {"address": "b", "mode": "managed", "type": "aws_s3_bucket", "index": "lake", "values": {"tags_all": object.union(tags, {"environment": environment})}}
	database_ := {"address": "d", "mode": "managed", "type": "aws_db_instance", "values": {"storage_encrypted": true, "multi_az": standby}}
	some found in terraform.deny with input as {"values": {"root_module": {"resources": [bucket, database_]}}}
	found.rule != "no-public-bucket"
}

test_standby_fails_in_production if with_database("production", false) == {"standby"}

test_standby_fails_where_nothing_is_said if with_database("production", null) == {"standby"}

test_standby_passes_in_staging if with_database("staging", false) == set()

test_standby_passes_with_one if with_database("production", true) == set()
