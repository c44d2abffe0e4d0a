package review

import (
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/grpcexpose/kubectl-grpcexpose/internal/corpus"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/expose"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/exposure"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/remedy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/removal"
)

// TestCreateReadsWhatItDeclares plans for every workload of the corpus: what Build reads is declared, and what is declared is read.
func TestCreateReadsWhatItDeclares(t *testing.T) {
	var reading sync.Mutex
	var recording bool
	created, removed := map[mesh.Kind]string{}, map[mesh.Kind]string{}
	into := created
	for _, name := range corpus.Names(t) {
		snapshot := corpus.Mesh(t, name, func(kind mesh.Kind) {
			reading.Lock()
			defer reading.Unlock()
			if recording {
				into[kind] = name
			}
		})
		record := func(target map[mesh.Kind]string, work func()) {
			reading.Lock()
			recording, into = true, target
			reading.Unlock()
			work()
			reading.Lock()
			recording = false
			reading.Unlock()
		}
		for w, ports := range exposure.ExposedWorkloads(corpus.Mesh(t, name)) {
			intent := expose.Intent{
				Kind: w.Key.Kind, Namespace: w.Namespace(), Name: w.Name(), Port: ports[0].Port.Port,
				Inject: expose.InjectNamespace, Restart: remedy.RestartWorkload,
			}
			if number, _, ok := workload.TargetPort(ports[0].Port, w.Template); ok {
				intent.TargetPort = intstr.FromInt32(number)
			}
			encrypted := intent
			encrypted.TLSSecret, encrypted.Port = "certificate", 9443
			record(created, func() {
				_, _ = expose.Build(intent, snapshot)
				_, _ = expose.Build(encrypted, snapshot)
			})
			if result, err := expose.Build(intent, snapshot); err == nil {
				record(removed, func() {
					_, err := removal.Remove([]mesh.Key{w.Key}, result.After, removal.Options{Restart: remedy.RestartWorkload})
					assert.NoError(t, err)
				})
			}
		}
	}
	for kind, where := range created {
		assert.Contains(t, expose.Reads, kind, "Build reads %s in %s and does not declare it", kind, where)
	}
	for _, kind := range expose.Reads {
		assert.Contains(t, created, kind, "Build declares %s and does not read it", kind)
	}
	for _, kind := range removal.Reads {
		if kind == mesh.KindReferenceGrant || kind == mesh.KindListenerSet {
			continue // read for routes of the Gateway API from other namespaces, and through ListenerSets: the corpus has none
		}
		assert.Contains(t, removed, kind, "Remove declares %s and does not read it", kind)
	}
	for kind, where := range removed {
		assert.True(t, slices.Contains(removal.Reads, kind), "Remove reads %s in %s and does not declare it", kind, where)
	}
}
