// The architecture as a model (Structurizr DSL, C4). `just pictures` draws docs/pictures from it, and
// tests/unit/docs/test_architecture_model.py compares it with the tree. `source` is where an element's code is, `job` the job file
// that runs it. Relationships with the tag Detail are true, and left out of pictures that they would crowd.
workspace "Closecast" "Which open deals will be won, and by when" {
    model {
        sales = person "Sales people" "Rank the pipeline, score deals, read the forecast"
        team = person "Data and platform team" "Trains, operates"
        application = softwareSystem "Application" "Scores deals over REST" "Outside"
        crm = softwareSystem "CRM" "Exports its deals as CSV, Excel or Parquet" "Outside"
        provider = softwareSystem "OpenID provider" "Signs people in, where one is set up" "Outside"
        receivers = softwareSystem "Mail, Slack, webhooks" "Take messages about alerts" "Outside"

        closecast = softwareSystem "Closecast" "Learns from past deals and serves predictions" {
            !include architecture/containers.dsl
        }

        !include architecture/relationships.dsl
        !include architecture/imports.dsl
        !include architecture/local.dsl
        !include architecture/aws.dsl
    }
    views {
        !include architecture/views.dsl
    }
}
