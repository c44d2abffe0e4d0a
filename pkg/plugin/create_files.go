package plugin

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/yaml"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/expose"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/manifest"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gateway"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/report"
)

// runOnFiles decides on manifests alone and prints them complete, for a repository. What only a cluster can answer comes
// from flags; which defaults were taken is said on stderr.
func (o *createOptions) runOnFiles(ctx context.Context) error {
	manifests, err := loadManifests(ctx, o.files, o.intent.Namespace)
	if err != nil {
		return err
	}
	printNotes(o.streams, manifests.Notes)
	if err := requireSameNamespace(manifests, o.clients.connection.overrides.Context.Namespace); err != nil {
		return err
	}
	snapshot := manifests.Snapshot(false, mesh.Options{Now: time.Now()})
	if err := o.nameFromFiles(snapshot); err != nil {
		return err
	}
	result, err := build(o.intent, snapshot)
	if err != nil {
		return err
	}
	if !manifests.SaysNamespace(result.Workload.Key) && o.clients.connection.overrides.Context.Namespace == "" {
		report.Printf(o.streams.Err, "note: The files do not say a namespace: took %s; -n says another one\n", o.intent.Namespace)
	}
	warnings, err := o.review(snapshot, result)
	if err != nil {
		return err
	}
	printNotes(o.streams, result.Plan.Notes)
	for _, warning := range warnings {
		report.Printf(o.streams.Err, "note: still, afterwards: %s\n", findingText(warning))
	}
	if err := o.printFiles(manifests, result); err != nil {
		return err
	}
	if o.exitCode && !result.Plan.Empty() {
		return errBadAnswer
	}
	return nil
}

func (o *createOptions) printFiles(manifests *manifest.Manifests, result *expose.Result) error {
	switch {
	case o.write.diff:
		differences, err := report.PlanDifferences(result.Plan)
		if err != nil {
			return err
		}
		return report.Diff(o.streams.Out, differences, o.streams.OutColour)
	case o.write.output == "plan":
		return report.PlanJSON(o.streams.Out, report.PlanReport{Plan: result.Plan, DryRun: true})
	}
	text, err := manifests.Render(result.Plan)
	if err != nil {
		return err
	}
	format := cmp.Or(o.write.output, "yaml")
	if format == "yaml" && report.IsClean(text) {
		_, err = o.streams.Out.Write(text)
		return err
	}
	objects, err := objectsOf(text)
	if err != nil {
		return err
	}
	return report.Objects(o.streams.Out, objects, format)
}

// objectsOf are the objects of a YAML stream, those of lists too.
func objectsOf(stream []byte) ([]*unstructured.Unstructured, error) {
	var objects []*unstructured.Unstructured
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(stream), len(stream)+1)
	for {
		object := &unstructured.Unstructured{}
		err := decoder.Decode(&object.Object)
		switch {
		case errors.Is(err, io.EOF):
			return objects, nil
		case err != nil:
			return nil, err
		case len(object.Object) == 0:
			continue
		case !object.IsList():
			objects = append(objects, object)
			continue
		}
		err = object.EachListItem(func(item runtime.Object) error {
			objects = append(objects, item.(*unstructured.Unstructured))
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
}

// nameFromFiles takes the only workload of the files where none is named.
func (o *createOptions) nameFromFiles(snapshot *mesh.Snapshot) error {
	if o.intent.Name != "" {
		return o.namespaceFromFiles(snapshot)
	}
	var choices []string
	for _, workload := range workload.Workloads(snapshot) {
		if gateway.IsInfrastructure(workload) {
			continue
		}
		choices = append(choices, workload.Key.String())
		o.intent.Kind, o.intent.Namespace, o.intent.Name = workload.Key.Kind, workload.Namespace(), workload.Name()
	}
	switch len(choices) {
	case 1:
		return nil
	case 0:
		return errors.New("the files hold no Deployment, StatefulSet or DaemonSet that could be exposed")
	default:
		return &expose.Error{Problem: "the files hold several workloads:", Choices: choices, Next: "Say which, as TYPE/NAME"}
	}
}

// requireSameNamespace refuses objects of another namespace than -n names, as kubectl does.
// Source: k8s.io/cli-runtime, pkg/resource/visitor.go (RequireNamespace).
func requireSameNamespace(manifests *manifest.Manifests, explicit string) error {
	if explicit == "" {
		return nil
	}
	for _, sourced := range manifests.Objects {
		if namespace := sourced.Object.GetNamespace(); namespace != "" && namespace != explicit {
			return fmt.Errorf("%s of the files is not in namespace %s, which --namespace names: leave it out, or give --namespace=%s",
				mesh.KeyOf(sourced.Object), explicit, namespace)
		}
	}
	return nil
}

// namespaceFromFiles goes by the namespace that the files say.
func (o *createOptions) namespaceFromFiles(snapshot *mesh.Snapshot) error {
	var namespaces []string
	for _, workload := range workload.Workloads(snapshot) {
		if workload.Name() == o.intent.Name && (o.intent.Kind == "" || o.intent.Kind == workload.Key.Kind) {
			namespaces = append(namespaces, workload.Namespace())
		}
	}
	if len(namespaces) == 1 {
		o.intent.Namespace = namespaces[0]
	}
	return nil
}
