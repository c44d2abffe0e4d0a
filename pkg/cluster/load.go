package cluster

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

// LoadRequest says what to read.
type LoadRequest struct {
	// Kinds are the kinds to read, each with the namespaces wanted; no namespaces means all. For mesh.KindNamespace they are
	// the names of the wanted ones. Secrets and ConfigMaps are never listed here, but named below.
	Kinds map[mesh.Kind][]string
	// Fallback are the namespaces to read one by one where a kind may not be listed in all namespaces.
	Fallback []string
	// Secrets are read by name.
	Secrets []types.NamespacedName
	// ConfigMaps are read by name; an empty name means all of the namespace.
	ConfigMaps []types.NamespacedName
	// Entire keeps what has no bearing on calls: who owns which field (managedFields), half of what the server says of an object,
	// volumes and resources of pod templates, and conditions of workloads. Apply saves a request for each object that it changes
	// and whose owners are there. Pods have metadata alone in any case, which is a third of the bytes, and those that have ended
	// are left out.
	Entire bool
	// Follow, if set, is called with what was read and says what to read then: the Secrets that Gateways name, the ConfigMaps
	// of a control plane that was found. Its own Follow is not called.
	Follow func(*mesh.Snapshot) LoadRequest

	// Context is the kubeconfig context that the objects' Source names; may be empty.
	Context string
	// GRPCPorts are ports that the user says are gRPC.
	GRPCPorts []mesh.GRPCPort
	// Now is the time at which the Snapshot judges certificates.
	Now time.Time
}

// source is what to read of a kind in a namespace, or with an empty one in all.
func (r LoadRequest) source(kind mesh.Kind, namespace string) source {
	return source{kind: kind, namespace: namespace, entire: r.Entire}
}

// Loaded is what was read.
type Loaded struct {
	// Snapshot holds the objects. What was not asked for is a gap in it, like what could not be read.
	Snapshot *mesh.Snapshot
	// Gaps are the parts that were asked for and could not be read.
	Gaps []mesh.Gap
	// Missing are the permissions for want of which some of them are, each once and in order.
	Missing []Permission
	// NotServed are the kinds that the API server does not have; the Snapshot has no gap for them, for there are none.
	NotServed []mesh.Kind
}

// MissingCRDs names what would serve the kinds that the API server does not have, for "Istio is not installed: no CRD …".
func (l *Loaded) MissingCRDs() []string {
	crds := make([]string, len(l.NotServed))
	for i, kind := range l.NotServed {
		crds[i] = crdOf(kind)
	}
	return crds
}

// Load reads objects into a Snapshot. What the user may not read becomes a Gap; an error means that nothing can be said:
// *Unreachable, *Unauthorized, *Timeout, *ServerFailure, or the context's own.
func (c *Client) Load(ctx context.Context, wanted LoadRequest) (*Loaded, error) {
	found, _, err := c.readAll(ctx, wanted)
	if err != nil {
		return nil, err
	}
	return found.loaded(wanted), nil
}

// readAll reads what is wanted and what follows from it; followed is what that was.
func (c *Client) readAll(ctx context.Context, wanted LoadRequest) (found batch, followed LoadRequest, err error) {
	if found, err = c.read(ctx, wanted); err != nil || wanted.Follow == nil {
		return found, followed, err
	}
	followed = wanted.Follow(found.loaded(wanted).Snapshot)
	more, err := c.read(ctx, followed)
	found.add(more)
	return found, followed, err
}

// batch is what some requests gave.
type batch struct {
	reads     []read
	gaps      []mesh.Gap
	missing   []Permission
	requested []mesh.Kind
	notServed []mesh.Kind
	// narrow are gaps that were meant: namespaces that nobody asked for.
	narrow []mesh.Gap
}

// read is what one source gave.
type read struct {
	source  source
	objects []mesh.Object
	// gaps are single objects that cannot be decoded.
	gaps []mesh.Gap
}

func (b *batch) add(other batch) {
	b.reads = append(b.reads, other.reads...)
	b.gaps = append(b.gaps, other.gaps...)
	b.missing = append(b.missing, other.missing...)
	b.requested = append(b.requested, other.requested...)
	b.notServed = append(b.notServed, other.notServed...)
	b.narrow = append(b.narrow, other.narrow...)
}

func (b *batch) loaded(wanted LoadRequest) *Loaded {
	count := 0
	for _, read := range b.reads {
		count += len(read.objects)
	}
	sourced := make([]mesh.Sourced, 0, count)
	var gaps []mesh.Gap
	for _, read := range b.reads {
		for _, object := range read.objects {
			sourced = append(sourced, mesh.Sourced{Object: object, Source: mesh.Source{Context: wanted.Context}})
		}
		gaps = append(gaps, read.gaps...)
	}
	gaps = append(gaps, b.gaps...)
	all := slices.Concat(gaps, b.narrow, notRequested(b.requested), notNamed(b.reads))
	return &Loaded{
		Snapshot: mesh.New(sourced, mesh.Options{Now: wanted.Now, Gaps: all, GRPCPorts: wanted.GRPCPorts}),
		Gaps:     gaps, NotServed: slices.Compact(slices.Sorted(slices.Values(b.notServed))),
		Missing: slices.Compact(slices.SortedFunc(slices.Values(b.missing), comparePermissions)),
	}
}

// notNamed is a gap for the Secrets that nobody named: whether they are there is not known.
func notNamed(reads []read) []mesh.Gap {
	gap := mesh.Gap{Kind: mesh.KindSecret, ByName: true, Reason: "only the secrets that Gateways on the path name were read"}
	for _, read := range reads {
		if read.source.kind == mesh.KindSecret {
			gap.Named = append(gap.Named, types.NamespacedName{Namespace: read.source.namespace, Name: read.source.name})
		}
	}
	return []mesh.Gap{gap}
}

// notRequested are gaps for the kinds that were not read at all: nothing may be concluded from their absence. Secrets and
// ConfigMaps are left out, because they are only ever read by name: see notNamed.
func notRequested(requested []mesh.Kind) []mesh.Gap {
	var gaps []mesh.Gap
	for _, kind := range slices.Sorted(slices.Values(mesh.Kinds())) {
		if kind != mesh.KindSecret && kind != mesh.KindConfigMap && !slices.Contains(requested, kind) {
			gaps = append(gaps, mesh.Gap{Kind: kind, Reason: kind.Info().Resource + " were not read"})
		}
	}
	return gaps
}

// read sends the requests of one round, in parallel, and puts their results together in a fixed order.
func (c *Client) read(ctx context.Context, wanted LoadRequest) (batch, error) {
	var jobs []func(context.Context) (batch, error)
	for _, kind := range slices.Sorted(maps.Keys(wanted.Kinds)) {
		jobs = append(jobs, func(ctx context.Context) (batch, error) {
			return c.readKind(ctx, kind, wanted.Kinds[kind], wanted)
		})
	}
	for _, name := range wanted.Secrets {
		jobs = append(jobs, func(ctx context.Context) (batch, error) {
			return c.readNamed(ctx, mesh.KindSecret, name)
		})
	}
	for _, name := range wanted.ConfigMaps {
		jobs = append(jobs, func(ctx context.Context) (batch, error) {
			if name.Name == "" {
				return c.readNamespaces(ctx, mesh.KindConfigMap, []string{name.Namespace}, wanted)
			}
			return c.readNamed(ctx, mesh.KindConfigMap, name)
		})
	}
	results := make([]batch, len(jobs))
	err := inParallel(ctx, len(jobs), func(ctx context.Context, index int) (err error) {
		results[index], err = jobs[index](ctx)
		return err
	})
	all := together(results)
	all.requested = slices.Collect(maps.Keys(wanted.Kinds))
	return all, err
}

func together(results []batch) batch {
	var all batch
	for _, result := range results {
		all.add(result)
	}
	return all
}

// readKind reads a kind in all namespaces, or in those wanted; where the user may not list it in all, in the fallback ones.
func (c *Client) readKind(ctx context.Context, kind mesh.Kind, namespaces []string, wanted LoadRequest) (batch, error) {
	if len(namespaces) > 0 && (kind == mesh.KindNamespace || !kind.Info().ClusterScoped) {
		return c.readOnly(ctx, kind, namespaces, wanted)
	}
	found, err := c.list(ctx, wanted.source(kind, ""))
	missing, forbidden := mayNot(err)
	if !forbidden {
		return found, err
	}
	return c.readFallback(ctx, kind, wanted, missing)
}

// readOnly reads a kind in some namespaces, and has a gap for all others.
func (c *Client) readOnly(ctx context.Context, kind mesh.Kind, namespaces []string, wanted LoadRequest) (found batch, err error) {
	gap := mesh.Gap{Kind: kind, Except: namespaces, Reason: kind.Info().Resource + " were read only in " + strings.Join(namespaces, ", ")}
	if kind == mesh.KindNamespace {
		gap.Reason = "no namespaces were read but " + strings.Join(namespaces, ", ")
		found, err = c.readNamespaceObjects(ctx, namespaces)
	} else {
		found, err = c.readNamespaces(ctx, kind, namespaces, wanted)
	}
	found.narrow = append(found.narrow, gap)
	return found, err
}

// readFallback reads of a kind that may not be listed in all namespaces what it can, and has one gap that says it all.
func (c *Client) readFallback(ctx context.Context, kind mesh.Kind, wanted LoadRequest, missing Permission) (found batch, err error) {
	gap := mesh.Gap{Kind: kind, Reason: missing.Denied()}
	switch {
	case kind == mesh.KindNamespace:
		found, err = c.readNamespaceObjects(ctx, wanted.Fallback)
	case kind.Info().ClusterScoped:
		return mayNotRead(gap, missing), nil
	default:
		found, err = c.readNamespaces(ctx, kind, wanted.Fallback, wanted)
	}
	for _, namespace := range wanted.Fallback {
		hides := func(hidden mesh.Gap) bool { return hidden.Namespace == namespace || hidden.Name == namespace }
		if !slices.ContainsFunc(found.gaps, hides) {
			gap.Except = append(gap.Except, namespace)
		}
	}
	found.gaps, found.missing = []mesh.Gap{gap}, []Permission{missing}
	return found, err
}

// readNamespaces lists a kind in some namespaces, with a gap for each in which the user may not.
func (c *Client) readNamespaces(ctx context.Context, kind mesh.Kind, namespaces []string, wanted LoadRequest) (batch, error) {
	results := make([]batch, len(namespaces))
	err := inParallel(ctx, len(namespaces), func(ctx context.Context, index int) error {
		found, err := c.list(ctx, wanted.source(kind, namespaces[index]))
		if missing, forbidden := mayNot(err); forbidden {
			found = mayNotRead(mesh.Gap{Kind: kind, Namespace: namespaces[index]}, missing)
			err = nil
		}
		results[index] = found
		return err
	})
	return together(results), err
}

// readNamespaceObjects reads Namespaces by name: who may work in one may often read it, but not list them all.
func (c *Client) readNamespaceObjects(ctx context.Context, names []string) (batch, error) {
	results := make([]batch, len(names))
	err := inParallel(ctx, len(names), func(ctx context.Context, index int) (err error) {
		results[index], err = c.readNamed(ctx, mesh.KindNamespace, types.NamespacedName{Name: names[index]})
		return err
	})
	return together(results), err
}
