// The rooms of services/api.
api_transport = component "transport" "Parses requests within bounds; answers single predictions before the framework" "uvicorn, httptools" {
    properties {
        source services/api/transport
    }
}
api_middleware = component "middleware" "Request log, security headers, strict requests" "ASGI" {
    properties {
        source services/api/middleware
    }
}
api_access = component "access" "Who calls, what they may do, and how much" "Python" {
    properties {
        source services/api/access
    }
}
api_routes = component "routes" "The handlers of the REST API" "Litestar" {
    properties {
        source services/api/routes
    }
}
api_schemas = component "schemas" "Requests and answers, read strictly" "msgspec" {
    properties {
        source services/api/schemas
    }
}
api_serving = component "serving" "Follows the champion; predicts, explains, ranks, forecasts" "Python" {
    properties {
        source services/api/serving
    }
}
api_batch = component "batch" "Scores many deals in a process of its own" "Arrow" {
    properties {
        source services/api/batch
    }
}
api_checks = component "checks" "Says what is made of an export, in a process of its own" "Python" {
    properties {
        source services/api/checks
    }
}
api_records = component "records" "Recorded predictions, outcomes, alerts, flow runs" "psycopg" {
    properties {
        source services/api/records
    }
}
api_telemetry = component "telemetry" "Metrics and traces" "Prometheus, OpenTelemetry" {
    properties {
        source services/api/telemetry
    }
}
