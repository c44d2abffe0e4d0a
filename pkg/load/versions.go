package load

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	utilversion "k8s.io/apimachinery/pkg/util/version"
	apiversion "k8s.io/apimachinery/pkg/version"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/cluster"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/report"
)

// The oldest versions that the tests on a real control plane run against; see test/e2e.
const (
	oldestKubernetes = "1.35"
	oldestIstio      = "1.31"
)

// testedResources are the versions in which the tests have custom resources served, by group.
var testedResources = map[string][]string{
	"networking.istio.io":       {"v1", "v1beta1", "v1alpha3"},
	"security.istio.io":         {"v1", "v1beta1"},
	"gateway.networking.k8s.io": {"v1", "v1beta1"},
}

// Versions are what a cluster has. What may not be read is said as a warning.
func Versions(ctx context.Context, client *cluster.Client) (*report.ServerVersion, error) {
	kubernetes, err := client.ServerVersion(ctx)
	if err != nil {
		return nil, err
	}
	served, err := client.Discover(ctx)
	if err != nil {
		return nil, err
	}
	loaded, err := client.Load(ctx, cluster.LoadRequest{
		Kinds:    map[mesh.Kind][]string{mesh.KindWebhook: nil, mesh.KindDeployment: nil},
		Fallback: []string{RootNamespace}, Now: time.Now(),
	})
	if err != nil {
		return nil, err
	}
	server := &report.ServerVersion{
		Kubernetes: kubernetes, ControlPlanes: []report.ControlPlaneVersion{},
		CustomResources: customResources(served), Warnings: []string{},
	}
	warn := func(format string, arguments ...any) {
		server.Warnings = append(server.Warnings, fmt.Sprintf(format, arguments...))
	}
	if older(kubernetes, oldestKubernetes) {
		warn("the API server is %s, older than the oldest that is tested, %s", kubernetes, oldestKubernetes)
	}
	for _, plane := range proxy.ControlPlanes(loaded.Snapshot) {
		server.ControlPlanes = append(server.ControlPlanes, report.ControlPlaneVersion(plane))
		if older(plane.Version, oldestIstio) {
			warn("istiod of revision %s is %s, older than the oldest that is tested, %s", plane.Revision, plane.Version, oldestIstio)
		}
	}
	server.Warnings = append(server.Warnings, untestedResources(served)...)
	for _, reason := range Reasons(loaded.Gaps) {
		warn("not everything could be looked at: %s", reason)
	}
	if len(server.ControlPlanes) == 0 && len(loaded.Gaps) == 0 {
		warn("there is no istiod, and no webhook that leads to one")
	}
	return server, nil
}

// older compares major and minor versions. What is no version is not known to be older.
func older(version, than string) bool {
	parsed, err := utilversion.ParseGeneric(majorMinor(version))
	return err == nil && parsed.LessThan(utilversion.MustParseGeneric(than))
}

// majorMinor is "1.31" of "v1.31.0-tke.4" and of "1.31-alpha.1f2e3d".
func majorMinor(version string) string {
	parts := strings.SplitN(strings.TrimPrefix(version, "v"), ".", 3)
	if len(parts) < 2 {
		return ""
	}
	minor, _, _ := strings.Cut(parts[1], "-")
	return parts[0] + "." + strings.TrimSuffix(minor, "+")
}

// customKinds are the kinds of custom resources that this program reads and versions of which are tested, by group.
func customKinds() []mesh.Kind {
	kinds := slices.DeleteFunc(mesh.Kinds(), func(kind mesh.Kind) bool { return testedResources[kind.Info().Group] == nil })
	slices.Sort(kinds)
	return kinds
}

func customResources(served *cluster.Served) []report.GroupVersions {
	versions := map[string][]string{}
	for group := range testedResources {
		versions[group] = []string{}
	}
	for _, kind := range customKinds() {
		group := kind.Info().Group
		for _, version := range served.Versions(kind) {
			if !slices.Contains(versions[group], version) {
				versions[group] = append(versions[group], version)
			}
		}
	}
	groups := make([]report.GroupVersions, 0, len(versions))
	for group, served := range versions {
		slices.SortFunc(served, func(a, b string) int { return -apiversion.CompareKubeAwareVersionStrings(a, b) })
		groups = append(groups, report.GroupVersions{Group: group, Versions: served})
	}
	slices.SortFunc(groups, func(a, b report.GroupVersions) int { return strings.Compare(a.Group, b.Group) })
	return groups
}

// untestedResources says which kinds are served only in versions that no test has.
func untestedResources(served *cluster.Served) []string {
	var warnings []string
	for _, kind := range customKinds() {
		resource, ok := served.Resource(kind)
		tested := testedResources[resource.Group]
		if ok && !slices.Contains(tested, resource.Version) {
			warnings = append(warnings, fmt.Sprintf("%s are served as %s only; tested are %s",
				resource.GroupResource(), strings.Join(served.Versions(kind), ", "), strings.Join(tested, ", ")))
		}
	}
	return warnings
}
