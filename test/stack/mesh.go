package stack

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/grpcexpose/kubectl-grpcexpose/test/stack/internal/binaries"
	"github.com/grpcexpose/kubectl-grpcexpose/test/stack/internal/controlplane"
	"github.com/grpcexpose/kubectl-grpcexpose/test/stack/internal/manifests"
	"github.com/grpcexpose/kubectl-grpcexpose/test/stack/internal/ports"
	"github.com/grpcexpose/kubectl-grpcexpose/test/stack/internal/supervise"
)

// installation is one istiod of a flavour, with the file of the rendered charts that goes with it.
type installation struct {
	revision string
	manifest string
}

// installations has the istiods of each flavour that has any, in the order of their ports.
var installations = map[Flavour][]installation{
	Default:   {{"default", "default.yaml"}},
	Revisions: {{"1-26", "revision-1-26.yaml"}, {"1-27", "revision-1-27.yaml"}},
}

// istiods returns the revisions of the stack's istiods with their ports.
func (s *Stack) istiods() map[string]ports.Istiod {
	istiods := map[string]ports.Istiod{}
	for number, installation := range installations[s.Flavour] {
		istiods[installation.revision] = s.record.Plane.Ports.Istiod[number]
	}
	return istiods
}

// Revisions returns the revisions of the stack's istiods, sorted.
func (s *Stack) Revisions() []string {
	revisions := make([]string, 0, len(installations[s.Flavour]))
	for _, installation := range installations[s.Flavour] {
		revisions = append(revisions, installation.revision)
	}
	return revisions
}

// XDSAddress returns where the revision's istiod serves configuration to proxies without TLS, or "" if there is none.
func (s *Stack) XDSAddress(revision string) string {
	own, ok := s.istiods()[revision]
	if !ok {
		return ""
	}
	return ports.Local(own.GRPC)
}

// SecureXDSAddress returns where the revision's istiod serves configuration to proxies that authenticate over TLS, or "" if
// there is none. Only such proxies get the contents of Secrets.
func (s *Stack) SecureXDSAddress(revision string) string {
	own, ok := s.istiods()[revision]
	if !ok {
		return ""
	}
	return ports.Local(own.SecureGRPC)
}

// installMesh applies definitions and charts and starts the istiods. It does not wait for them.
func (s *Stack) installMesh(ctx context.Context) error {
	folder := s.record.Plane.Binaries[binaries.IstioManifests]
	for _, path := range []string{filepath.Join(folder, "crds.yaml"), s.record.Plane.Binaries[binaries.GatewayAPI]} {
		objects, err := manifests.Read(path)
		if err != nil {
			return err
		}
		if err := s.cluster.Apply(ctx, objects); err != nil {
			return err
		}
	}
	if err := s.cluster.CreateNamespace(ctx, manifests.IstioNamespace); err != nil {
		return err
	}
	objects, err := s.chartObjects(folder)
	if err != nil {
		return err
	}
	if err := s.cluster.Apply(ctx, objects); err != nil {
		return err
	}
	if err := s.cluster.SetGatewayAddress(ctx, s.GatewayAddress); err != nil {
		return fmt.Errorf("set the gateway's address: %w", err)
	}
	if err := s.await(ctx, "kube-apiserver", "serves Istio's resources", s.cluster.DefinitionsServed); err != nil {
		return err
	}
	for _, revision := range s.Revisions() {
		if err := s.run(s.istiodCommand(revision)); err != nil {
			return err
		}
	}
	return nil
}

// chartObjects returns what the charts render for the flavour, made to fit the stack.
func (s *Stack) chartObjects(folder string) ([]*unstructured.Unstructured, error) {
	var objects []*unstructured.Unstructured
	for _, installation := range installations[s.Flavour] {
		rendered, err := manifests.Read(filepath.Join(folder, installation.manifest))
		if err != nil {
			return nil, err
		}
		objects = append(objects, rendered...)
	}
	webhookPorts := map[string]int{}
	for revision, own := range s.istiods() {
		webhookPorts[revision] = own.Webhooks
	}
	if err := manifests.CallLocally(objects, webhookPorts); err != nil {
		return nil, err
	}
	if s.record.Options.DataPlane {
		if err := manifests.ForStockEnvoy(objects); err != nil {
			return nil, err
		}
	}
	return objects, manifests.OpenGatewayPorts(objects, s.record.Options.GatewayPorts)
}

// stockEnvoyEnv keeps istiod from configuring the filters that only Istio's build of Envoy has.
// Source: Istio pilot/pkg/features (MetadataExchange, ALPNFilter).
var stockEnvoyEnv = []string{"PILOT_ENABLE_METADATA_EXCHANGE=false", "PILOT_ENABLE_ALPN_FILTER=false"}

func (s *Stack) istiodCommand(revision string) (supervise.Command, error) {
	extra := slices.Clone(s.record.Options.IstiodEnv)
	if s.record.Options.OrdinarySidecars {
		extra = append(extra, "ENABLE_NATIVE_SIDECARS=false")
	}
	if s.record.Options.DataPlane {
		extra = append(extra, stockEnvoyEnv...)
	}
	return s.record.Plane.Istiod(revision, s.istiods()[revision], extra)
}

// awaitMesh returns when the istiods serve, all webhooks are armed and the gateway runs.
func (s *Stack) awaitMesh(ctx context.Context) error {
	for _, revision := range s.Revisions() {
		if err := s.awaitIstiod(ctx, revision); err != nil {
			return err
		}
	}
	// The last one's charts were rendered with its revision as defaultRevision.
	validator := controlplane.IstiodName(s.Revisions()[len(s.Revisions())-1])
	if err := s.await(ctx, validator, "validates", s.cluster.Validates); err != nil {
		return err
	}
	return s.await(ctx, "kwok", "runs the pods of istiod and the gateway", s.cluster.DeploymentsAvailable)
}

func (s *Stack) awaitIstiod(ctx context.Context, revision string) error {
	name := controlplane.IstiodName(revision)
	if err := s.awaitURL(ctx, name, controlplane.IstiodHealth(s.istiods()[revision])); err != nil {
		return err
	}
	err := s.await(ctx, name, "has armed its webhooks", func(ctx context.Context) error {
		return s.cluster.WebhooksArmed(ctx, revision)
	})
	if err != nil {
		return err
	}
	return s.await(ctx, name, "injects", func(ctx context.Context) error { return s.cluster.Injects(ctx, revision) })
}

// StopIstiod ends the istiods of the revisions, or all without any, as when their pods are gone: the Deployment has no
// replicas, and nobody answers its webhooks.
func (s *Stack) StopIstiod(ctx context.Context, revisions ...string) error {
	return s.eachIstiod(revisions, func(revision string) error {
		name := controlplane.IstiodName(revision)
		if err := s.cluster.ScaleIstiod(ctx, name, 0); err != nil {
			return fmt.Errorf("scale Deployment %s down: %w", name, err)
		}
		_, err := s.supervisor.Stop(name)
		return err
	})
}

// StartIstiod starts the istiods of the revisions, or all without any, after StopIstiod, and returns when their webhooks
// answer again.
func (s *Stack) StartIstiod(ctx context.Context, revisions ...string) error {
	return s.eachIstiod(revisions, func(revision string) error {
		name := controlplane.IstiodName(revision)
		if err := s.cluster.ScaleIstiod(ctx, name, 1); err != nil {
			return fmt.Errorf("scale Deployment %s up: %w", name, err)
		}
		if err := s.run(s.istiodCommand(revision)); err != nil {
			return err
		}
		return s.awaitIstiod(ctx, revision)
	})
}

// eachIstiod calls act for each of the revisions, or for all the stack's without any.
func (s *Stack) eachIstiod(revisions []string, act func(revision string) error) error {
	if len(revisions) == 0 {
		revisions = s.Revisions()
	}
	if len(revisions) == 0 {
		return errors.New("the stack has no istiod: its flavour is none")
	}
	for _, revision := range revisions {
		if !slices.Contains(s.Revisions(), revision) {
			return fmt.Errorf("the stack has no istiod of revision %q, but of %v", revision, s.Revisions())
		}
		if err := act(revision); err != nil {
			return err
		}
	}
	return nil
}
