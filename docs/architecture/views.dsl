// The pictures: each view is docs/pictures/<its key>.svg.
systemContext closecast "context" "Closecast and its surroundings" {
    include *
    autolayout lr 45 20
}
container closecast "containers" "What runs, and who talks to whom" {
    include *
    exclude library prometheus alertmanager alerts receivers
    exclude "relationship.tag==Detail"
    autolayout tb 30 15
}
container closecast "watching" "Who watches" {
    include prometheus alertmanager alerts receivers gateway api journal postgres objects team
    exclude "relationship.tag==Detail"
    exclude "api -> *" "journal -> *" "gateway -> *"
    autolayout lr 45 20
}
component api "api" "The rooms of services/api" {
    include gateway api_transport api_middleware api_access api_routes api_schemas api_serving api_batch api_checks api_records api_telemetry
    include mlflow cache postgres objects
    exclude "relationship.tag==Detail"
    exclude "mlflow -> *"
    autolayout tb 40 20
}
component library "library" "The packages of closecast, and what they import" {
    include "element.parent==library"
    exclude "relationship.tag==Detail"
    autolayout tb 40 20
}
component worker "flows" "The flows, and what they use" {
    include "element.parent==worker" prefect mlflow postgres objects trial score
    exclude "relationship.tag==Detail"
    exclude "prefect -> *" "mlflow -> *" "trial -> *" "score -> *"
    autolayout lr 60 20
}
dynamic api "prediction" "One prediction over REST" {
    application -> gateway "POST /v1/predictions"
    gateway -> api_transport "the request"
    api_transport -> api_access "who calls, and may it?"
    api_transport -> api_schemas "reads the deal strictly"
    api_transport -> api_serving "predict"
    api_serving -> scoring "scores by the champion"
    scoring -> features "features of the deal"
    scoring -> models "chance, calibrated"
    api_serving -> platform_journal "records it, then answers"
    platform_journal -> cache "adds to the stream"
    journal -> cache "takes it"
    journal -> postgres "stores it"
    journal -> objects "archives the day"
    autolayout lr 45 20
}
dynamic worker "training" "One training, from export to champion" {
    team -> prefect "just train, or a schedule"
    runner -> prefect "polls"
    runner -> flow_train "runs it"
    flow_train -> platform_sources "reads the export"
    flow_train -> platform_lake "checks and stores it"
    flow_train -> models "fits, evaluates, fits again"
    models -> features "rows at as-of dates"
    flow_train -> platform_lake "stores training rows"
    platform_lake -> objects "bronze, silver, gold"
    flow_train -> platform_mlflow "publishes"
    platform_mlflow -> models "asks the gate"
    platform_mlflow -> mlflow "version, alias champion"
    mlflow -> api "signed webhook"
    api -> mlflow "loads the champion"
    autolayout lr 45 20
}
deployment closecast "local" "deployment-local" "On one machine" {
    include *
    exclude "element.type==ContainerInstance -> element.type==ContainerInstance"
    autolayout tb 40 20
}
deployment closecast "AWS" "deployment-aws" "In AWS" {
    include *
    exclude "element.type==ContainerInstance -> element.type==ContainerInstance"
    autolayout lr 45 20
}
styles {
    element "Element" {
        background #e8f1fb
        stroke #2f6db5
        color #16323f
    }
    element "Person" {
        background #fff7e8
        stroke #c98a1b
    }
    element "Outside" {
        background #f0f0f0
        stroke #7a7a7a
    }
    element "Database" {
        shape cylinder
        background #e9f6ee
        stroke #2e8b57
    }
    element "Infrastructure Node" {
        background #f3eefb
        stroke #7a5bb5
    }
}
