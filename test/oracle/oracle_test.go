package oracle

import (
	"flag"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

var (
	count    = flag.Uint64("meshes", fromEnvironment("N", 200), "how many random meshes to compare")
	detailed = flag.Int("detailed", 3, "how many differing meshes are made smaller and shown")
	first    = flag.Uint64("seed", 1, "the seed of the first mesh")
)

func fromEnvironment(name string, otherwise uint64) uint64 {
	if number, err := strconv.ParseUint(os.Getenv(name), 10, 64); err == nil {
		return number
	}
	return otherwise
}

// TestRandomMeshes compares what istiod does with random meshes with what the model says.
func TestRandomMeshes(t *testing.T) {
	started := time.Now()
	differing := 0
	for seed := *first; seed < *first+*count; seed++ {
		m := NewMesh(seed)
		differences, err := Differences(m)
		if err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, m.YAML())
		}
		if len(differences) == 0 {
			continue
		}
		differing++
		if differing > *detailed {
			var topics []string
			for _, difference := range differences {
				topics = append(topics, difference.topic)
			}
			t.Errorf("seed %d differs: %v", seed, topics)
			continue
		}
		smaller := Shrink(m, differences[0].topic)
		differences, _ = Differences(smaller)
		var text []string
		for _, difference := range differences {
			text = append(text, difference.String())
		}
		t.Errorf("seed %d: istiod and the model differ\n%s\n\n%s", seed, strings.Join(text, "\n"), smaller.YAML())
	}
	t.Logf("%d of %d meshes differ; %v for each mesh", differing, *count, time.Since(started)/time.Duration(*count))
}
