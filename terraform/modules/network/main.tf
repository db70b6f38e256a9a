# A network over three zones: what the Internet reaches (public), what runs (private), and what stores (database).

data "aws_region" "current" {}

locals {
  index = { for at, zone in var.zones : zone => at }
  # The /16 in sixteenths: the first for the small public subnets, the second for the databases', then one a zone.
  public   = { for zone, at in local.index : zone => cidrsubnet(cidrsubnet(var.cidr, 4, 0), 2, at) }
  database = { for zone, at in local.index : zone => cidrsubnet(cidrsubnet(var.cidr, 4, 1), 4, at) }
  private  = { for zone, at in local.index : zone => cidrsubnet(var.cidr, 4, 4 + at) }
  # The zone whose NAT gateway each zone's private subnet uses.
  nat_of = { for zone in var.zones : zone => var.nat == "each" ? zone : var.zones[0] }
}

resource "aws_vpc" "this" {
  cidr_block           = var.cidr
  enable_dns_support   = true
  enable_dns_hostnames = true
  tags                 = merge(var.tags, { Name = var.name })
}

# AWS makes a group in which everything may talk with everything; without rules it opens nothing.
resource "aws_default_security_group" "this" {
  vpc_id = aws_vpc.this.id
  tags   = merge(var.tags, { Name = "${var.name}-unused" })
}

resource "aws_subnet" "public" {
  for_each = local.public

  vpc_id            = aws_vpc.this.id
  availability_zone = each.key
  cidr_block        = each.value
  tags              = merge(var.tags, { Name = "${var.name}-public-${each.key}" })
}

resource "aws_subnet" "private" {
  for_each = local.private

  vpc_id            = aws_vpc.this.id
  availability_zone = each.key
  cidr_block        = each.value
  tags              = merge(var.tags, { Name = "${var.name}-private-${each.key}" })
}

resource "aws_subnet" "database" {
  for_each = local.database

  vpc_id            = aws_vpc.this.id
  availability_zone = each.key
  cidr_block        = each.value
  tags              = merge(var.tags, { Name = "${var.name}-database-${each.key}" })
}
