// Package schema holds the JSON Schema of what rstwhy writes. The file is generated
// from the types of package report: go test ./report -run Schema -update.
package schema

import _ "embed"

// JSON is the schema of the formats json and ndjson, in the dialect 2020-12.
//
//go:embed rstwhy-3.schema.json
var JSON []byte
