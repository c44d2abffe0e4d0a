package lintrun

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/load"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/manifest"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/report"
)

// loadFiles reads the files, and says what could not be read. It is an error if there is nothing to check in them: a good answer
// about nothing would hide that what fills the files has failed.
func (o *Options) loadFiles(ctx context.Context) (*manifest.Manifests, error) {
	manifests, err := load.FromFiles(ctx, *o.Files, o.Target.Namespace)
	if err != nil {
		return nil, err
	}
	load.PrintFileNotes(o.Streams, manifests)
	return manifests, nothingChecked(manifests)
}

// meshesOf makes the files meshes to judge: what is read as it is makes one, and each kustomization that was built another, as they are
// for different clusters. Those that the target is not in are left out.
func (o *Options) meshesOf(manifests *manifest.Manifests) ([]*meshToCheck, error) {
	var meshes []*meshToCheck
	var outside error
	for _, part := range slices.Concat([]*manifest.Manifests{manifests}, manifests.Overlays) {
		if len(part.Objects) == 0 && len(manifests.Overlays) > 0 {
			continue
		}
		m := &meshToCheck{snapshot: part.Snapshot(o.SelfContained, mesh.Options{Now: o.Now(), GRPCPorts: o.GRPCPorts}), manifests: part, target: o.Target}
		err := o.requireNamespace(part)
		if err == nil && !o.Target.IsWhole() {
			_, err = o.Target.Paths(m.snapshot)
		}
		if err != nil {
			if outside == nil {
				outside = err
			}
			continue
		}
		meshes = append(meshes, m)
	}
	if len(meshes) == 0 {
		return nil, outside
	}
	return meshes, nil
}

// manifestsOver are those that are put over a cluster: what is read as it is, or the only kustomization. Of several nobody knows which
// one is for the cluster.
func (o *Options) manifestsOver(manifests *manifest.Manifests) (*manifest.Manifests, error) {
	switch {
	case len(manifests.Overlays) == 0:
		return manifests, nil
	case len(manifests.Objects) > 0:
		report.Notes(o.Streams, []string{"the kustomizations " + load.FoldersOf(manifests) + " are not compared with the cluster; -k compares one"})
		return manifests, nil
	case len(manifests.Overlays) == 1:
		return manifests.Overlays[0], nil
	default:
		return nil, fmt.Errorf("the files hold the kustomizations %s: say with -k which one is for this cluster", load.FoldersOf(manifests))
	}
}

// nothingChecked is why files are no good news without findings; nil where there is something to check.
func nothingChecked(manifests *manifest.Manifests) error {
	documents := 0
	var kinds, commands []string
	for _, part := range slices.Concat([]*manifest.Manifests{manifests}, manifests.Overlays) {
		if len(part.Objects) > 0 {
			return nil
		}
		documents += part.Documents
		deployed, with := part.Deployers()
		kinds, commands = append(kinds, deployed...), append(commands, with...)
	}
	slices.Sort(commands)
	switch {
	case len(kinds) > 0:
		return fmt.Errorf("nothing was checked: the files hold %s, which only say where manifests are; check what they deploy: %s ... | %s lint -f -",
			strings.Join(kinds, ", "), strings.Join(slices.Compact(commands), " ... or "), program)
	case len(manifests.Unreadable) > 0:
		return errors.New("nothing was checked: no manifest could be read")
	case documents == 0:
		return errors.New("the files hold no Kubernetes object: there is nothing to judge")
	default:
		return errors.New("nothing was checked: the files hold no object of a kind that the checks read")
	}
}
