# METADATA
# title: What Terraform makes
# description: Rules on a plan or a state as `terraform show -json` prints it.
package closecast.terraform

import rego.v1

# A plan has planned_values, a state has values: of the same form.
module := object.get(input, "planned_values", object.get(input, "values", {}))

resources contains resource if {
	walk(module, [_, resource])
	is_object(resource)
	resource.mode == "managed"
	resource.address
}

of(type) := {resource | some resource in resources; resource.type == type}

# In a plan a value may be known only once it has been applied.
is_set(resource, name) if not resource.values[name] in {null, "", false}

is_set(resource, name) if {
	some change in input.resource_changes
	change.address == resource.address
	change.change.after_unknown[name] == true
}

# The attribute that encrypts each type, or names the key.
encrypted_by := {
	"aws_backup_vault": "kms_key_arn",
	"aws_cloudwatch_log_group": "kms_key_id",
	"aws_db_instance": "storage_encrypted",
	"aws_ebs_volume": "encrypted",
	"aws_secretsmanager_secret": "kms_key_id",
	"aws_sns_topic": "kms_master_key_id",
}

deny contains message("encryption", resource, "is not encrypted with a key of ours") if {
	some type, attribute in encrypted_by
	some resource in of(type)
	not is_set(resource, attribute)
}

deny contains message("encryption", resource, "has a volume that is not encrypted") if {
	some resource in of("aws_launch_template")
	some device in resource.values.block_device_mappings
	some volume in device.ebs
	not volume.encrypted in {true, "true"}
}

deny contains message("no-public-bucket", resource, "has no block of public access") if {
	some resource in of("aws_s3_bucket")
	count([block | some block in of("aws_s3_bucket_public_access_block"); block.index == resource.index; closes(block)]) == 0
}

closes(block) if {
	block.values.block_public_acls == true
	block.values.block_public_policy == true
	block.values.ignore_public_acls == true
	block.values.restrict_public_buckets == true
}

deny contains message("not-open", resource, "is open to the world on another port than 443") if {
	some resource in of("aws_vpc_security_group_ingress_rule")
	resource.values.cidr_ipv4 == "0.0.0.0/0"
	not only_443(resource)
}

only_443(rule) if {
	rule.values.from_port == 443
	rule.values.to_port == 443
}

deny contains message("not-open", resource, "can be reached from the Internet") if {
	some resource in of("aws_db_instance")
	resource.values.publicly_accessible == true
}

deny contains message("instance-metadata", resource, "gives the machine's credentials to containers, or without a session token") if {
	some resource in of("aws_launch_template")
	not guarded(resource)
}

guarded(template) if {
	some options in template.values.metadata_options
	options.http_tokens == "required"
	options.http_put_response_hop_limit == 1
}

deny contains message("tags", resource, sprintf("has no tag %s", [name])) if {
	some resource in resources
	is_object(resource.values.tags_all)
	some name in {"environment", "project"}
	not resource.values.tags_all[name]
}

# What AWS knows no resources for.
without_resources := {"ec2:DescribeInstances", "ecr:GetAuthorizationToken"}

deny contains message("no-wildcard", resource, sprintf("allows %s on everything", [action])) if {
	some resource in of("aws_iam_role_policy")
	some statement in json.unmarshal(resource.values.policy).Statement
	statement.Effect == "Allow"
	"*" in listed(statement.Resource)
	some action in listed(statement.Action)
	not action in without_resources
}

deny contains message("no-wildcard", resource, sprintf("allows every action of a service: %s", [action])) if {
	some resource in of("aws_iam_role_policy")
	some statement in json.unmarshal(resource.values.policy).Statement
	statement.Effect == "Allow"
	some action in listed(statement.Action)
	endswith(action, "*")
}

listed(value) := value if is_array(value)

listed(value) := [value] if is_string(value)

# Names that only production must keep.
is_production if {
	some resource in of("aws_s3_bucket")
	resource.values.tags_all.environment == "production"
}

deny contains message("standby", resource, "has no standby in another zone") if {
	is_production
	some resource in of("aws_db_instance")
	not resource.values.multi_az == true
}

message(rule, resource, text) := {"rule": rule, "text": sprintf("%s %s", [resource.address, text])}
