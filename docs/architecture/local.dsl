// One machine, as `just up` makes it.
deploymentEnvironment "local" {
    deploymentNode "One machine" "Linux on x86_64 or aarch64" {
        local_nomad = deploymentNode "Nomad" "A server and a client; tasks run by raw_exec" "Nomad" {
            containerInstance gateway
            containerInstance ui
            containerInstance api
            containerInstance mlflow
            containerInstance prefect
            containerInstance worker
            containerInstance trial
            containerInstance score
            containerInstance journal
            containerInstance shadow
            containerInstance prometheus
            containerInstance alertmanager
            containerInstance alerts
            local_cache = containerInstance cache
            local_postgres = containerInstance postgres
            deploymentNode "Job localstack" "Stands for AWS" "LocalStack" {
                containerInstance objects
                local_companion = containerInstance companion
            }
        }
        local_state = infrastructureNode "Folder of the state" "Databases, stream, copies of objects, models, credentials" "Disk"
        local_postgres -> local_state "databases"
        local_cache -> local_state "append-only file"
        local_companion -> local_state "copies of objects"
    }
}
