module closecast.local/opa

go 1.25

require github.com/open-policy-agent/opa v1.8.0
