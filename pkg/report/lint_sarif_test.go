package report

import (
	"bytes"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestSARIFIsValid holds the output to the schema of the standard (testdata/sarif-schema-2.1.0.json, as the package
// @microsoft/jest-sarif 1.0.0-beta.0 has it).
func TestSARIFIsValid(t *testing.T) {
	schema, err := jsonschema.NewCompiler().Compile("testdata/sarif-schema-2.1.0.json")
	require.NoError(t, err)
	for name, report := range lintReports(t) {
		var out bytes.Buffer
		require.NoError(t, sarifLint{version: "1.2.3"}.Print(&out, report))
		document, err := jsonschema.UnmarshalJSON(&out)
		require.NoError(t, err)
		assert.NoError(t, schema.Validate(document), name)

		document.(map[string]any)["runs"] = "none"
		assert.Error(t, schema.Validate(document), "the schema is not one that takes everything")
	}
}
