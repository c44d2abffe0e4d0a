package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	discoveryapi "k8s.io/api/apidiscovery/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/version"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/cluster/wire"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

// Served says which kinds the API server has, and in which versions.
type Served struct {
	// versions are those of a resource that is there, the server's preferred one first.
	versions map[schema.GroupResource][]string
}

// Resource is the resource under which a kind is read: in the version that this program knows best if the server has it,
// else in the one that the server prefers. ok is false where the server does not have the kind.
func (s *Served) Resource(kind mesh.Kind) (resource schema.GroupVersionResource, ok bool) {
	info := kind.Info()
	if wire.BuiltIn().Recognizes(info.GroupVersionKind) {
		return info.GroupVersionResource(), true
	}
	versions := s.versions[info.GroupVersionResource().GroupResource()]
	if len(versions) == 0 {
		return schema.GroupVersionResource{}, false
	}
	resource = info.GroupVersionResource()
	if !slices.Contains(versions, info.Version) {
		resource.Version = versions[0]
	}
	return resource, true
}

// Versions are those in which the server has a kind, its preferred one first; none where it does not have it. For a kind that
// every server has, only groups outside the core are known.
func (s *Served) Versions(kind mesh.Kind) []string {
	return slices.Clone(s.versions[kind.Info().GroupVersionResource().GroupResource()])
}

// missing are the CRDs of the kinds that the server does not have ("gateways.networking.istio.io"), in the order of the kinds.
func (s *Served) missing(kinds ...mesh.Kind) []string {
	var missing []string
	for _, kind := range kinds {
		if _, ok := s.Resource(kind); !ok {
			missing = append(missing, crdOf(kind))
		}
	}
	return missing
}

func crdOf(kind mesh.Kind) string {
	return kind.Info().GroupVersionResource().GroupResource().String()
}

// acceptDiscovery asks for all groups in one answer: v2 since Kubernetes 1.30, v2beta1 since 1.26, else the bare list of groups.
const acceptDiscovery = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList," +
	"application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json"

// Discover says what the API server serves. It asks once; what came of it is remembered.
func (c *Client) Discover(ctx context.Context) (*Served, error) {
	c.discovery.Lock()
	defer c.discovery.Unlock()
	if c.served != nil {
		return c.served, nil
	}
	data, err := c.raw(ctx, "/apis", acceptDiscovery)
	if err != nil {
		return nil, err
	}
	var kind metav1.TypeMeta
	if err := json.Unmarshal(data, &kind); err != nil {
		return nil, c.notKubernetes(err)
	}
	var served *Served
	switch kind.Kind {
	case "APIGroupDiscoveryList":
		served, err = c.aggregated(data)
	case "APIGroupList":
		served, err = c.byGroup(ctx, data)
	default:
		return nil, c.notKubernetes(fmt.Errorf("the answer is of kind %q", kind.Kind))
	}
	if err == nil {
		c.served = served
	}
	return served, err
}

func (c *Client) aggregated(data []byte) (*Served, error) {
	var groups discoveryapi.APIGroupDiscoveryList
	if err := json.Unmarshal(data, &groups); err != nil {
		return nil, c.notKubernetes(err)
	}
	served := &Served{versions: map[schema.GroupResource][]string{}}
	for _, group := range groups.Items {
		for _, version := range group.Versions {
			for _, resource := range version.Resources {
				served.add(group.Name, resource.Resource, version.Version)
			}
		}
	}
	return served, nil
}

// byGroup is for servers before 1.26: one request for each version of the few groups that the model reads.
func (c *Client) byGroup(ctx context.Context, data []byte) (*Served, error) {
	var groups metav1.APIGroupList
	if err := json.Unmarshal(data, &groups); err != nil {
		return nil, c.notKubernetes(err)
	}
	wanted := map[string]bool{}
	for _, kind := range mesh.Kinds() {
		info := kind.Info()
		wanted[info.Group] = wanted[info.Group] || !wire.BuiltIn().Recognizes(info.GroupVersionKind)
	}
	var versions []metav1.GroupVersionForDiscovery
	for _, group := range groups.Groups {
		if wanted[group.Name] {
			versions = append(versions, group.Versions...)
		}
	}
	lists := make([]metav1.APIResourceList, len(versions))
	err := inParallel(ctx, len(versions), func(ctx context.Context, index int) error {
		data, err := c.raw(ctx, "/apis/"+versions[index].GroupVersion, "application/json")
		if err != nil {
			return err
		}
		return json.Unmarshal(data, &lists[index])
	})
	if err != nil {
		return nil, err
	}
	served := &Served{versions: map[schema.GroupResource][]string{}}
	for i, list := range lists {
		groupVersion, _ := schema.ParseGroupVersion(versions[i].GroupVersion)
		for _, resource := range list.APIResources {
			served.add(groupVersion.Group, resource.Name, groupVersion.Version)
		}
	}
	return served, nil
}

func (s *Served) add(group, resource, version string) {
	key := schema.GroupResource{Group: group, Resource: resource}
	s.versions[key] = append(s.versions[key], version)
}

// ServerVersion is the API server's own version: "v1.37.2".
func (c *Client) ServerVersion(ctx context.Context) (string, error) {
	data, err := c.raw(ctx, "/version", "application/json")
	if err != nil {
		return "", err
	}
	var info version.Info
	if err := json.Unmarshal(data, &info); err != nil {
		return "", c.notKubernetes(err)
	}
	return info.GitVersion, nil
}

// raw reads a path that is no resource.
func (c *Client) raw(ctx context.Context, path, accept string) ([]byte, error) {
	data, err := bytesOf(c.rest.Get().AbsPath(path).SetHeader("Accept", accept).MaxRetries(retries).Timeout(readTimeout).Do(ctx))
	if err != nil {
		return nil, c.failure(ctx, request{permission: Permission{Verb: "get"}, object: path, limit: readTimeout}, err)
	}
	return data, nil
}

func (c *Client) notKubernetes(err error) error {
	return &Unreachable{
		Server: c.server, Cause: "what answers there is not the Kubernetes API (" + err.Error() + ")",
		Next: "check the server's URL in the kubeconfig's cluster entry",
	}
}
