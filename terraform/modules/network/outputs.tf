output "vpc_id" {
  description = "Identifier of the network."
  value       = aws_vpc.this.id
}

output "cidr" {
  description = "Addresses of the network."
  value       = aws_vpc.this.cidr_block
}

output "public_subnets" {
  description = "Public subnet by zone."
  value       = { for zone, subnet in aws_subnet.public : zone => subnet.id }
}

output "private_subnets" {
  description = "Private subnet by zone."
  value       = { for zone, subnet in aws_subnet.private : zone => subnet.id }
}

output "database_subnets" {
  description = "Subnet for databases by zone; it has no way to the Internet."
  value       = { for zone, subnet in aws_subnet.database : zone => subnet.id }
}
