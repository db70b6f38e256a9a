// An account of AWS, as terraform/environments/staging and production make it. `image` is what a node runs: a target of
// services/Dockerfile.
deploymentEnvironment "AWS" {
    deploymentNode "AWS account" "Environment staging or production" "Terraform" {
        properties {
            source terraform/modules/platform
        }
        deploymentNode "VPC" "Three zones; flow logs" "Network" {
            properties {
                source terraform/modules/network
            }
            deploymentNode "Public subnets" "" "Subnets" {
                balancer = infrastructureNode "Load balancer" "Certificate and names; 443 alone" "ALB" {
                    properties {
                        source terraform/modules/load_balancer
                    }
                }
            }
            deploymentNode "Private subnets" "A way out by NAT" "Subnets" {
                servers = infrastructureNode "Nomad servers" "Three, in three zones" "EC2" {
                    properties {
                        source terraform/modules/nomad_cluster
                    }
                }
                general = deploymentNode "Clients of class general" "Run containers" "EC2, Nomad, Docker" {
                    properties {
                        source terraform/modules/nomad_cluster
                    }
                    deploymentNode "image ui" "" "Image" {
                        properties {
                            image ui
                        }
                        containerInstance ui
                    }
                    deploymentNode "image serving" "" "Image" {
                        properties {
                            image serving
                        }
                        aws_api = containerInstance api
                        containerInstance journal
                        containerInstance shadow
                        containerInstance score
                    }
                    deploymentNode "image mlflow" "" "Image" {
                        properties {
                            image mlflow
                        }
                        aws_mlflow = containerInstance mlflow
                    }
                    deploymentNode "image gateway" "" "Image" {
                        properties {
                            image gateway
                        }
                        aws_gateway = containerInstance gateway
                    }
                    deploymentNode "image flows" "" "Image" {
                        properties {
                            image flows
                        }
                        containerInstance prefect
                        aws_worker = containerInstance worker
                        containerInstance trial
                    }
                    deploymentNode "image alerts" "" "Image" {
                        properties {
                            image alerts
                        }
                        aws_alerts = containerInstance alerts
                        containerInstance alertmanager
                        containerInstance prometheus
                    }
                    deploymentNode "image stores" "" "Image" {
                        properties {
                            image stores
                        }
                        roles = containerInstance postgres
                    }
                }
                deploymentNode "Client of class cache" "One, in one zone" "EC2, Nomad, Docker" {
                    properties {
                        source terraform/modules/nomad_cluster
                    }
                    deploymentNode "image stores" "" "Image" {
                        properties {
                            image stores
                        }
                        aws_cache = containerInstance cache
                    }
                    volume = infrastructureNode "Volume" "The append-only file" "EBS" {
                        properties {
                            source terraform/modules/cache
                        }
                    }
                    aws_cache -> volume "writes"
                }
            }
            deploymentNode "Database subnets" "No way out" "Subnets" {
                rds = infrastructureNode "PostgreSQL" "In production with a standby in another zone" "RDS" {
                    properties {
                        source terraform/modules/database
                    }
                }
            }
        }
        deploymentNode "S3" "Buckets lake, artifacts, access-logs" "S3" {
            properties {
                source terraform/modules/object_store
            }
            aws_objects = containerInstance objects
        }
        registry = infrastructureNode "Image registry" "A repository for each of the seven images" "ECR" {
            properties {
                source terraform/modules/image_registry
            }
        }
        identity = infrastructureNode "Identity" "A role for each job that needs AWS" "IAM" {
            properties {
                source terraform/modules/identity
            }
        }
        topic = infrastructureNode "Topic" "Messages about alerts" "SNS" {
            properties {
                source terraform/modules/alerts
            }
        }
        machine_secrets = infrastructureNode "Secrets" "What machines need before Nomad runs" "Secrets Manager" {
            properties {
                source terraform/modules/secrets
            }
        }
        keys = infrastructureNode "Keys" "Encrypt data, logs, messages, Nomad's keyring" "KMS" {
            properties {
                source terraform/modules/keys
            }
        }
        observability = infrastructureNode "Logs and alarms" "Of jobs and machines" "CloudWatch" {
            properties {
                source terraform/modules/observability
            }
        }
        backup = infrastructureNode "Copies" "Of database and volume" "Backup" {
            properties {
                source terraform/modules/backup
            }
        }
        balancer -> aws_gateway "8443, TLS"
        balancer -> servers "4646: public keys alone"
        identity -> balancer "reads the keys of identities"
        servers -> machine_secrets "read their own"
        roles -> rds "roles and databases; 5432, TLS"
        aws_alerts -> topic "publishes"
        observability -> topic "alarms"
    }
}
