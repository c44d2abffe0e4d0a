package e2e

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/grpcexpose/kubectl-grpcexpose/test/stack"
)

// sharedStack is a stack that tests use one after the other, started when the first one needs it.
type sharedStack struct {
	options stack.Options
	start   sync.Once
	failure error
	turn    sync.Mutex

	*stack.Stack
	config    *rest.Config
	client    dynamic.Interface
	mapper    *restmapper.DeferredDiscoveryRESTMapper
	discovery discovery.DiscoveryInterface
}

var (
	// onDefault and onRevisions are left as they are: tests put back what they change outside their namespace.
	onDefault   = &sharedStack{options: stack.Options{Flavour: stack.Default}}
	onRevisions = &sharedStack{options: stack.Options{Flavour: stack.Revisions}}
	onNone      = &sharedStack{options: stack.Options{Flavour: stack.None}}
	// onOrdinary has proxies in ordinary containers.
	onOrdinary = &sharedStack{options: stack.Options{Flavour: stack.Default, OrdinarySidecars: true}}

	// onOldKubernetes behaves as the oldest Kubernetes that the product names as tested, and serves Istio's resources only as
	// old Istio does; see ship_versions_test.go.
	onOldKubernetes = &sharedStack{options: stack.Options{Flavour: stack.Default, EmulatedVersion: "1.35"}}

	// onCorpus is filled with the corpus, gateways of its own among it; onBare has no resource of Istio's at all, while tests
	// on onNone bring some.
	onCorpus = &sharedStack{options: stack.Options{Flavour: stack.Default, OrdinarySidecars: true}}
	onBare   = &sharedStack{options: stack.Options{Flavour: stack.None}}

	allStacks = []*sharedStack{onDefault, onRevisions, onNone, onOrdinary, onOldKubernetes, onCorpus, onBare}
)

// turns is how many tests work at a time, each on another stack.
var turns = make(chan struct{}, 2)

// startTimeout covers a cold build of the stack's programs.
const startTimeout = time.Hour

// take waits for the test's turn on the stack, and starts the stack if it is the first.
func (s *sharedStack) take(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("runs a control plane")
	}
	t.Parallel()
	s.turn.Lock()
	t.Cleanup(s.turn.Unlock)
	turns <- struct{}{}
	t.Cleanup(func() { <-turns })
	s.start.Do(func() { s.failure = s.launch() })
	require.NoError(t, s.failure)
}

func (s *sharedStack) launch() error {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	s.options.Log = os.Stderr
	var err error
	if s.Stack, err = stack.Start(ctx, s.options); err != nil {
		return err
	}
	if s.config, err = clientcmd.BuildConfigFromFlags("", s.Kubeconfig); err != nil {
		return err
	}
	s.config.QPS = -1
	if s.client, err = dynamic.NewForConfig(s.config); err != nil {
		return err
	}
	discoverer, err := discovery.NewDiscoveryClientForConfig(s.config)
	s.discovery = discoverer
	s.mapper = restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(discoverer))
	return err
}

// resource is the client for a resource as kubectl names it, "services" or "gateways.networking.istio.io"; of a namespace
// where it has one.
func (s *sharedStack) resource(t *testing.T, name, namespace string) dynamic.ResourceInterface {
	t.Helper()
	mapping, err := s.mapping(name)
	require.NoError(t, err)
	if mapping.Scope.Name() == meta.RESTScopeNameRoot {
		return s.client.Resource(mapping.Resource)
	}
	return s.client.Resource(mapping.Resource).Namespace(namespace)
}

func stopStacks() {
	for _, shared := range allStacks {
		if shared.Stack == nil {
			continue
		}
		if err := shared.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
}
