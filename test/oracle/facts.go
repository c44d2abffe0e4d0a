package oracle

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// The topics that facts are about.
const (
	topicServer   = "server"
	topicListener = "listener"
	topicHost     = "virtual host"
	topicRoute    = "route"
	topicReached  = "reached"
	topicCluster  = "cluster"
	topicEndpoint = "endpoints"
)

// unknown is the value of a fact that the model says it cannot know; it agrees with everything.
const unknown = "unknown"

// fact names one thing that istiod does: what it is about, and of what.
type fact struct{ topic, subject string }

// Facts are what istiod does with a mesh, each with its value.
type Facts map[fact]string

func (f Facts) set(topic, subject, value string) { f[fact{topic, subject}] = value }

// Difference is a fact on which istiod and the model do not agree; a side that does not have it has the value "nothing".
type Difference struct {
	fact
	Istiod, Model string
}

func (d Difference) String() string {
	return fmt.Sprintf("%s %s\n    istiod: %s\n    model:  %s", d.topic, d.subject, d.Istiod, d.Model)
}

const nothing = "nothing"

// Compare gives the differences, by topic and subject.
func Compare(istiod, model Facts) []Difference {
	var differences []Difference
	value := func(facts Facts, of fact) string {
		if value, ok := facts[of]; ok {
			return value
		}
		return nothing
	}
	all := maps.Clone(istiod)
	maps.Copy(all, model)
	for of := range all {
		one, other := value(istiod, of), value(model, of)
		if one != other && other != unknown {
			differences = append(differences, Difference{of, one, other})
		}
	}
	slices.SortFunc(differences, func(a, b Difference) int {
		return strings.Compare(a.topic+" "+a.subject, b.topic+" "+b.subject)
	})
	return differences
}
