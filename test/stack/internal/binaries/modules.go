package binaries

import (
	"fmt"
	"slices"
	"strings"
)

// module is a Go module beneath the stack's folder.
type module struct {
	name   string
	folder string // relative to the folder of the stack's module
	inputs []string
	flags  []string // of go build
}

// product is something that a module makes: a program, or files.
type product struct {
	name   string
	module module
	cost   cost
	make   recipe
}

var (
	moduleFiles = []string{"go.mod", "go.sum", "*/*.go"}

	// programs has Kubernetes, Istio, kwok and etcd in one module, so that what they have in common is of one version and is
	// compiled once: most of kwok and kubectl, and half of istiod.
	programs = module{
		name: "programs", folder: "build", inputs: moduleFiles,
		flags: append(compilerFlags, "-tags=vtprotobuf,disable_pgv", linkerFlags),
	}
	stack = module{
		name: "stack", folder: ".", inputs: []string{"cmd/stack-supervisor/*.go", "internal/supervise/*.go"},
		flags: []string{"-gcflags=all=-dwarf=false"}, // those of "make stack-program", which has compiled most of it
	}
)

// compilerFlags make compiling cheap: nothing is inlined, which takes a third off, and nothing is noted for debuggers. What an API
// server spends its time with is optimized as usual; without that it answers half as fast.
var compilerFlags = []string{
	"-gcflags=all=-l -dwarf=false",
	"-gcflags=std=-dwarf=false",
	"-gcflags=k8s.io/apimachinery/...=-dwarf=false",
	"-gcflags=sigs.k8s.io/structured-merge-diff/...=-dwarf=false",
	"-gcflags=google.golang.org/protobuf/...=-dwarf=false",
}

// linkerFlags set the versions. Without them the programs take themselves for unversioned builds, and kubectl cannot parse the
// version of such a server.
var linkerFlags = "-ldflags=-s -w" +
	setting([]string{"k8s.io/component-base/version", "k8s.io/client-go/pkg/version"},
		"gitVersion=v1.37.2", "gitMajor=1", "gitMinor=37", "gitCommit=unknown", "gitTreeState=clean") +
	setting([]string{"istio.io/istio/pkg/version"},
		"buildVersion=1.31-alpha.eed52eb", "buildTag=1.31-alpha.eed52eb", "buildHub=docker.io/istio",
		"buildStatus=Clean", "buildGitRevision=eed52ebb66ad")

// setting returns linker flags that set variables of the packages.
func setting(packages []string, variables ...string) string {
	var flags strings.Builder
	for _, pkg := range packages {
		for _, variable := range variables {
			flags.WriteString(" -X " + pkg + "." + variable)
		}
	}
	return flags.String()
}

// The names of the products.
const (
	Etcd                  = "etcd"
	KubeAPIServer         = "kube-apiserver"
	KubeControllerManager = "kube-controller-manager"
	KubeScheduler         = "kube-scheduler"
	Kubectl               = "kubectl"
	Kwok                  = "kwok"
	KwokStages            = "kwok-stages"
	PilotDiscovery        = "pilot-discovery"
	IstioManifests        = "istio-manifests"
	GatewayAPI            = "gateway-api"
	Istioctl              = "istioctl"
	Supervisor            = "stack-supervisor"
)

// products is in the order in which to build: what depends on nothing first, so that early trouble shows early.
var products = []product{
	{Supervisor, stack, cost{2, 5}, program("./cmd/stack-supervisor")},
	{Etcd, programs, cost{50, 567}, program("go.etcd.io/etcd/server/v3")},
	{KubeAPIServer, programs, cost{270, 1618}, program("k8s.io/kubernetes/cmd/kube-apiserver")},
	{KubeControllerManager, programs, cost{89, 364}, program("k8s.io/kubernetes/cmd/kube-controller-manager")},
	{KubeScheduler, programs, cost{7, 7}, program("k8s.io/kubernetes/cmd/kube-scheduler")},
	{Kubectl, programs, cost{21, 194}, program("k8s.io/kubernetes/cmd/kubectl")},
	{Kwok, programs, cost{9, 75}, program("sigs.k8s.io/kwok/cmd/kwok")},
	{KwokStages, programs, cost{1, 4}, output("./stages")},
	{PilotDiscovery, programs, cost{129, 857}, program("istio.io/istio/pilot/cmd/pilot-discovery")},
	{IstioManifests, programs, cost{6, 43}, filledFolder("./manifests")},
	{GatewayAPI, programs, cost{1, 0}, folderOfModule("sigs.k8s.io/gateway-api", "config/crd/standard/*_*.yaml")},
	{Istioctl, programs, cost{30, 200}, program("istio.io/istio/istioctl/cmd/istioctl")},
}

// Names returns the names of all products, in build order.
func Names() []string {
	names := make([]string, 0, len(products))
	for _, product := range products {
		names = append(names, product.name)
	}
	return names
}

// find returns the products of the names, in build order and each once. A name that is none is an error.
func find(names []string) ([]product, error) {
	for _, name := range names {
		if !slices.Contains(Names(), name) {
			return nil, fmt.Errorf("%q is nothing that the stack builds: choose among %s", name, strings.Join(Names(), ", "))
		}
	}
	var found []product
	for _, product := range products {
		if slices.Contains(names, product.name) {
			found = append(found, product)
		}
	}
	return found, nil
}
