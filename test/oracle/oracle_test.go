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
	compare(t, NewMesh, *count, Question{Istiod: AskIstiod, Model: AskModel})
}

// TestGatewayAPI compares which listeners of the Gateway API's Gateways take which routes, and where those lead.
func TestGatewayAPI(t *testing.T) {
	compare(t, NewGatewayAPIMesh, max(40, *count/2), Question{Istiod: AskIstiodOfGatewayAPI, Model: AskModelOfGatewayAPI})
}

// TestListenerSets compares the same for listeners that ListenerSets add to Gateways.
func TestListenerSets(t *testing.T) {
	compare(t, NewListenerSetMesh, max(40, *count/2), Question{Istiod: AskIstiodOfGatewayAPI, Model: AskModelOfGatewayAPI})
}

// TestSidecars compares what the sidecars of pods do with calls to the pods' ports, and with the pods' own calls to Services.
func TestSidecars(t *testing.T) {
	compare(t, NewSidecarMesh, max(40, *count/2), Question{Istiod: AskIstiodOfSidecars, Model: AskModelOfSidecars})
}

// TestCustomPolicies compares whether sidecars ask the provider of a CUSTOM policy, or deny what it matches.
func TestCustomPolicies(t *testing.T) {
	compare(t, NewCustomMesh, max(40, *count/2), Question{Istiod: AskIstiodOfCustom, Model: AskModelOfCustom})
}

// compare asks istiod and the model about so many random meshes.
func compare(t *testing.T, newMesh func(seed uint64) *Mesh, meshes uint64, question Question) {
	started := time.Now()
	differing := 0
	for seed := *first; seed < *first+meshes; seed++ {
		m := newMesh(seed)
		differences, err := question.Differences(m)
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
		smaller := question.Shrink(m, differences[0].topic)
		differences, _ = question.Differences(smaller)
		var text []string
		for _, difference := range differences {
			text = append(text, difference.String())
		}
		t.Errorf("seed %d: istiod and the model differ\n%s\n\n%s", seed, strings.Join(text, "\n"), smaller.YAML())
	}
	t.Logf("%d of %d meshes differ; %v for each mesh", differing, meshes, time.Since(started)/time.Duration(meshes))
}
