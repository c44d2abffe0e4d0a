package binaries

import (
	"fmt"
	"slices"
	"strings"
)

// module is a Go module of its own beneath the stack's folder. Kubernetes, Istio, kwok and etcd need different versions
// of the same dependencies, so each has one.
type module struct {
	name   string
	folder string // relative to the folder of the stack's module
	inputs []string
	flags  []string // of go build
}

// product is something that a module makes: a program, or files.
type product struct {
	name    string
	module  module
	usually string // how long it takes with a cold Go build cache on two cores
	make    recipe
}

// versionFlags returns linker flags that set variables of the packages. Without them the programs take themselves for
// unversioned builds, and kubectl cannot parse the version of such a server.
func versionFlags(packages []string, variables ...string) string {
	flags := []string{"-s", "-w"}
	for _, pkg := range packages {
		for _, variable := range variables {
			flags = append(flags, "-X", pkg+"."+variable)
		}
	}
	return "-ldflags=" + strings.Join(flags, " ")
}

var (
	moduleFiles = []string{"go.mod", "go.sum", "*/*.go"}

	etcd = module{
		name: "etcd", folder: "build/etcd", inputs: moduleFiles,
		flags: []string{"-ldflags=-s -w"},
	}
	kubernetes = module{
		name: "kubernetes", folder: "build/kubernetes", inputs: moduleFiles,
		flags: []string{versionFlags([]string{"k8s.io/component-base/version", "k8s.io/client-go/pkg/version"},
			"gitVersion=v1.37.2", "gitMajor=1", "gitMinor=37", "gitCommit=unknown", "gitTreeState=clean")},
	}
	kwok = module{
		name: "kwok", folder: "build/kwok", inputs: moduleFiles,
		flags: []string{"-ldflags=-s -w"},
	}
	istio = module{
		name: "istio", folder: "build/istio", inputs: moduleFiles,
		flags: []string{"-tags=vtprotobuf,disable_pgv", versionFlags([]string{"istio.io/istio/pkg/version"},
			"buildVersion=1.31-alpha.eed52eb", "buildTag=1.31-alpha.eed52eb", "buildHub=docker.io/istio",
			"buildStatus=Clean", "buildGitRevision=eed52ebb66ad")},
	}
	stack = module{
		name: "stack", folder: ".", inputs: []string{"cmd/stack-supervisor/*.go", "internal/supervise/*.go"},
	}
)

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
	{Supervisor, stack, "1s", program("./cmd/stack-supervisor")},
	{Etcd, etcd, "20s to 2min", program("go.etcd.io/etcd/server/v3")},
	{KubeAPIServer, kubernetes, "3 to 8min", program("k8s.io/kubernetes/cmd/kube-apiserver")},
	{KubeControllerManager, kubernetes, "1 to 3min", program("k8s.io/kubernetes/cmd/kube-controller-manager")},
	{KubeScheduler, kubernetes, "20s", program("k8s.io/kubernetes/cmd/kube-scheduler")},
	{Kubectl, kubernetes, "40s", program("k8s.io/kubernetes/cmd/kubectl")},
	{Kwok, kwok, "1 to 2min", program("sigs.k8s.io/kwok/cmd/kwok")},
	{KwokStages, kwok, "1s", output("./stages")},
	{PilotDiscovery, istio, "3 to 6min", program("istio.io/istio/pilot/cmd/pilot-discovery")},
	{IstioManifests, istio, "20s", filledFolder("./manifests")},
	{GatewayAPI, istio, "1s", folderOfModule("sigs.k8s.io/gateway-api", "config/crd/standard/*_*.yaml")},
	{Istioctl, istio, "30s to 2min", program("istio.io/istio/istioctl/cmd/istioctl")},
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
