package oracle

import (
	"fmt"
	"math/rand/v2"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

// epoch is when the oldest object of every mesh was made.
var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// The namespaces of every mesh: the root namespace and one more with gateways, and two with applications.
const (
	rootNamespace = "istio-system"
	edgeNamespace = "edge"
	shopNamespace = "shop"
	backNamespace = "back"
)

var (
	allNamespaces = []string{rootNamespace, edgeNamespace, shopNamespace, backNamespace}
	appNamespaces = []string{shopNamespace, backNamespace}
)

// maker makes one random mesh.
type maker struct {
	*rand.Rand
	mesh  *Mesh
	names int
}

// NewMesh makes the mesh of a seed.
func NewMesh(seed uint64) *Mesh {
	m := &maker{Rand: rand.New(rand.NewPCG(seed, 0x6f7261636c65)), mesh: &Mesh{Seed: seed}}
	m.makeGatewayProxies()
	m.makeApplications()
	m.makeGateways()
	m.makeVirtualServices()
	m.makeDestinationRules()
	m.makeServiceEntries()
	m.makePeerAuthentications()
	m.makeSidecars()
	return m.mesh
}

// add puts an object into the mesh, unless the cluster would have refused it.
func (m *maker) add(object mesh.Object) {
	if refused(object) == nil {
		m.mesh.Objects = append(m.mesh.Objects, object)
	}
}

// chance is true in so many of a hundred cases.
func (m *maker) chance(percent int) bool { return m.IntN(100) < percent }

// between is a number from low to high, both included.
func (m *maker) between(low, high int) int { return low + m.IntN(high-low+1) }

// pick is one of the items.
func pick[T any](m *maker, items ...T) T { return items[m.IntN(len(items))] }

// some are the items of a list that chance leaves, at least one.
func some[T any](m *maker, most int, items ...T) []T {
	count := m.between(1, min(most, len(items)))
	chosen := make([]T, 0, count)
	for _, i := range m.Perm(len(items))[:count] {
		chosen = append(chosen, items[i])
	}
	return chosen
}

// unique is a name that no other object of the mesh has. Its order among others is random, as istiod sorts by name.
func (m *maker) unique(prefix string) string {
	m.names++
	return fmt.Sprintf("%s-%c%d", prefix, 'a'+rune(m.IntN(26)), m.names)
}

// meta is the metadata of an object; many are made in the same second.
func (m *maker) meta(namespace, name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Namespace: namespace, Name: name,
		CreationTimestamp: metav1.NewTime(epoch.Add(time.Duration(m.IntN(4)) * time.Minute)),
	}
}

// exportTo is an exportTo list, most often none.
func (m *maker) exportTo() []string {
	if m.chance(75) {
		return nil
	}
	return pick(m, []string{"."}, []string{"*"}, []string{rootNamespace}, []string{edgeNamespace, "."}, []string{shopNamespace})
}
