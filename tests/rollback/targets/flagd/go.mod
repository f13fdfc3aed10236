module otel-clinical.example/flagd

go 1.25.0

require github.com/open-feature/flagd/core v0.12.1
