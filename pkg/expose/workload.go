package expose

import (
	"fmt"
	"strings"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/inert"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gateway"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
)

// findWorkload finds the workload and refuses those that cannot be exposed through the mesh.
func findWorkload(intent Intent, snapshot *mesh.Snapshot) (*workload.Workload, error) {
	workload, err := FindWorkload(snapshot, intent.Kind, intent.Namespace, intent.Name)
	if err != nil {
		return nil, err
	}
	if gateway.IsInfrastructure(workload) {
		return nil, refuse("Name the workload that serves the calls",
			"%s is a part of the mesh itself (control plane, gateway, waypoint or ztunnel) and cannot be exposed by it", workload.Key)
	}
	if intent.Inject == InjectNone {
		return workload, nil
	}
	if proxy.InjectorIgnores(workload.Namespace()) {
		return nil, refuse("Move the workload to a namespace of its own, or leave its pods without a proxy with --inject=none (the gateway balances all the same)",
			"%s cannot get a proxy: the injector leaves namespace %s alone", workload.Key, workload.Namespace())
	}
	if workload.Template.Spec.HostNetwork {
		return nil, refuse("Take hostNetwork out of the pod template, or go on without a proxy in the pods with --inject=none (the gateway balances all the same)",
			"%s cannot get a proxy: its pods are on the host's network, and the injector leaves such pods alone", workload.Key)
	}
	return workload, nil
}

// FindWorkload is the Deployment, StatefulSet or DaemonSet of that name; with an empty kind the one that has it. The error
// proposes names like it.
func FindWorkload(s *mesh.Snapshot, kind mesh.Kind, namespace, name string) (*workload.Workload, error) {
	var found []*workload.Workload
	for _, candidate := range workload.Kinds {
		if kind != "" && kind != candidate {
			continue
		}
		if workload := workload.Get(s, mesh.Key{Kind: candidate, Namespace: namespace, Name: name}); workload != nil {
			found = append(found, workload)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return nil, workloadNotFound(s, kind, namespace, name)
	default:
		var choices []string
		for _, workload := range found {
			choices = append(choices, workload.Key.Argument())
		}
		return nil, refuse("Say which, as TYPE/NAME", "namespace %s has several workloads called %s:", namespace, name).choices(choices)
	}
}

func workloadNotFound(s *mesh.Snapshot, kind mesh.Kind, namespace, name string) error {
	what := "Deployment, StatefulSet or DaemonSet"
	if kind != "" {
		what = string(kind)
	}
	for _, candidate := range workload.Kinds {
		if reason, unknown := s.Unknown(candidate, namespace, name); unknown && (kind == "" || kind == candidate) {
			return refuse(nextForUnread(reason), "whether namespace %s has a %s called %q is not known: %s", namespace, what, name, reason)
		}
	}
	problem := fmt.Sprintf("namespace %s has no %s called %q", namespace, what, name)
	if _, there := s.Namespaces().Get("", namespace); !there {
		if _, unknown := s.Unknown(mesh.KindNamespace, "", namespace); !unknown {
			problem = fmt.Sprintf("there is no namespace %q", namespace)
		}
	}
	near := nearWorkloads(s, namespace, name)
	if len(near) == 0 {
		return refuse("See what is there: kubectl get deployments,statefulsets,daemonsets -n "+inert.Word(namespace), "%s", problem)
	}
	return refuse("Name one of them, with -n for its namespace", "%s. Near it:", problem).choices(near)
}

// nextForUnread is what to do about something that decides and is not in the snapshot: files lack no permission.
func nextForUnread(reason string) string {
	if reason == mesh.NotInFiles {
		return "Name one that is there, or add its manifest"
	}
	return "Ask for the permission to read it"
}

// nearWorkloads are up to five workloads with a similar name in the namespace, or the same name in another.
func nearWorkloads(s *mesh.Snapshot, namespace, name string) []string {
	var near []string
	for _, workload := range workload.Workloads(s) {
		alike := strings.Contains(workload.Name(), name) || distance(workload.Name(), name) <= 2
		switch {
		case gateway.IsInfrastructure(workload):
		case workload.Namespace() == namespace && alike:
			near = append(near, workload.Key.Argument())
		case workload.Name() == name:
			near = append(near, inert.Command(workload.Key.Argument(), "-n", workload.Namespace()))
		}
	}
	return near[:min(len(near), 5)]
}
