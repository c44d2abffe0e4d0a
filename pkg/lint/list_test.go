package lint

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestListIsTheCatalogue holds the list to the catalogue: every check is there, in order, under its permanent ID and slug.
func TestListIsTheCatalogue(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("testdata", "catalogue.txt"))
	require.NoError(t, err)
	var listed []string
	for _, check := range All() {
		listed = append(listed, check.ID+" "+check.Slug)
	}
	assert.Equal(t, strings.Split(strings.TrimSpace(string(data)), "\n"), listed)
}

func TestChecksAreDocumented(t *testing.T) {
	for _, check := range All() {
		t.Run(check.ID, func(t *testing.T) {
			files, err := filepath.Glob("../checks/*/" + strings.ReplaceAll(check.Slug, "-", "_") + ".go")
			require.NoError(t, err)
			assert.Len(t, files, 1, "a check has a file of its name")
			for name, text := range map[string]string{
				"Title": check.Title, "What": check.What, "Why": check.Why, "Client": check.Client, "Bad": check.Bad, "Good": check.Good,
			} {
				assert.NotEmpty(t, strings.TrimSpace(text), name)
			}
			assert.False(t, strings.HasSuffix(check.Title, "."), "a title is no sentence")
			assert.Regexp(t, `^v\d+\.\d+\.\d+$`, check.Since)
			assert.NotEmpty(t, check.Reads)
			assert.NotEmpty(t, check.Levels)
			for i := range check.Levels[1:] {
				assert.True(t, check.Levels[i].AtLeast(check.Levels[i+1]), "the worst level comes first")
			}
		})
	}
}
