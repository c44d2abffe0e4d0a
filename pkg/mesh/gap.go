package mesh

import (
	"slices"

	"k8s.io/apimachinery/pkg/types"
)

// Gap is a part of the cluster that the Snapshot does not have: what is not there is unknown, not missing.
type Gap struct {
	// Kind is the kind that could not be read, empty for every kind.
	Kind Kind
	// Namespace is the one that could not be read, empty for all.
	Namespace string
	// Name is the one object that could not be read, empty for all.
	Name string
	// Except are namespaces that were read although Namespace is empty; of the Namespace objects themselves, those of that name.
	Except []string
	// ByName is for a kind of which single objects are read by name and the rest is not asked for: what its checks need they name,
	// and is known where it is among Named, there or not.
	ByName bool
	Named  []types.NamespacedName
	// Reason says why, as a clause: "you may not list secrets".
	Reason string

	// tooLarge: the object is there, and is not read because of its size.
	tooLarge bool
}

// NotInFiles is the reason of the gap around files, which are a part of what there is.
const NotInFiles = "not in the files"

// Unknown says whether an object that is not in the Snapshot may exist all the same, and why. An empty namespace asks about
// all namespaces together, an empty name about all objects of the kind.
func (s *Snapshot) Unknown(kind Kind, namespace, name string) (reason string, unknown bool) {
	s.Read(kind)
	for _, gap := range s.options.Gaps {
		switch {
		case gap.Kind != "" && gap.Kind != kind:
		case namespace != "" && gap.Namespace != "" && gap.Namespace != namespace:
		case namespace != "" && slices.Contains(gap.Except, namespace):
		case gap.ByName && (name == "" || slices.Contains(gap.Named, types.NamespacedName{Namespace: namespace, Name: name})):
		case kind == KindNamespace && name != "" && slices.Contains(gap.Except, name):
		case name != "" && gap.Name != "" && gap.Name != name:
		default:
			return gap.Reason, true
		}
	}
	return "", false
}

// Gaps are the parts of the cluster that the Snapshot does not have.
func (s *Snapshot) Gaps() []Gap { return s.options.Gaps }
