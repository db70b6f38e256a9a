# Nomad over three zones: servers that decide, clients in groups that run tasks. Each instance configures itself when it boots.

data "aws_region" "current" {}

data "aws_partition" "current" {}

data "aws_caller_identity" "current" {}

locals {
  region = data.aws_region.current.name
  # Servers find each other, and clients the servers, by this tag.
  join = "provider=aws region=${local.region} addr_type=private_v4 tag_key=closecast-nomad tag_value=${var.name}"
  hook = "drain"

  install = templatefile("${path.module}/templates/install.sh.tftpl", {
    region = local.region
    nomad  = var.nomad
    ca_arn = var.secret_arns["certificate-authority"]
  })
  lifecycle = templatefile("${path.module}/templates/lifecycle.sh.tftpl", { region = local.region, hook = local.hook })

  server_configuration = templatefile("${path.module}/templates/server.hcl.tftpl", {
    region = local.region
    number = var.servers.number
    join   = local.join
    key    = var.keyring_key_arn
    issuer = var.issuer
  })
  client_configuration = {
    for class, group in var.clients : class => templatefile("${path.module}/templates/client.hcl.tftpl", {
      class   = class
      region  = local.region
      join    = local.join
      minutes = var.drain_minutes
      volume  = group.volume != null
      logs    = var.log_group
      meta    = merge({ region = local.region, object_store = "https://s3.${local.region}.${data.aws_partition.current.dns_suffix}" }, var.meta)
    })
  }
}
