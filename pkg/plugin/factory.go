package plugin

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/cluster"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

// factory makes what commands need of the kubeconfig. Nothing is read before a command asks.
type factory struct {
	connection *connection
}

func newFactory(connection *connection) *factory { return &factory{connection: connection} }

// client makes a client of the cluster that the flags and the kubeconfig name.
func (f *factory) client() (*cluster.Client, error) {
	if f.nowhere() {
		return nil, errors.New("there is no kubeconfig that says which cluster is meant: set KUBECONFIG, or name a file with --kubeconfig (create and lint -f FILE need no cluster)")
	}
	config, err := f.connection.loader().ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("the kubeconfig cannot be used: %w", err)
	}
	return cluster.New(config, cluster.Options{Version: programVersion()})
}

// nowhere says that neither a kubeconfig nor a flag nor a pod's own service account says where the cluster is. client-go would
// go to localhost:8080, where with luck nobody answers.
func (f *factory) nowhere() bool {
	raw, err := f.connection.loader().RawConfig()
	inPod := os.Getenv("KUBERNETES_SERVICE_HOST") != ""
	return err == nil && len(raw.Clusters) == 0 && f.connection.overrides.ClusterInfo.Server == "" && !inPod
}

// namespace is that of -n, else of the kubeconfig's context, else "default".
func (f *factory) namespace() (string, error) {
	namespace, _, err := f.connection.loader().Namespace()
	if err != nil {
		return "", fmt.Errorf("the kubeconfig cannot be used: %w", err)
	}
	if problems := validation.IsDNS1123Label(namespace); len(problems) > 0 {
		return "", usage("--namespace %q is not a namespace's name: %s", namespace, problems[0])
	}
	return namespace, nil
}

// workloadKinds are the words for the kinds of workload, as kubectl takes them.
var workloadKinds = map[string]mesh.Kind{
	"deployment": mesh.KindDeployment, "deployments": mesh.KindDeployment, "deploy": mesh.KindDeployment,
	"deployment.apps": mesh.KindDeployment, "deployments.apps": mesh.KindDeployment,
	"statefulset": mesh.KindStatefulSet, "statefulsets": mesh.KindStatefulSet, "sts": mesh.KindStatefulSet,
	"statefulset.apps": mesh.KindStatefulSet, "statefulsets.apps": mesh.KindStatefulSet,
	"daemonset": mesh.KindDaemonSet, "daemonsets": mesh.KindDaemonSet, "ds": mesh.KindDaemonSet,
	"daemonset.apps": mesh.KindDaemonSet, "daemonsets.apps": mesh.KindDaemonSet,
}

// otherKinds are words for kinds that people may take for a workload's: they are told which are, and not that they name two.
var otherKinds = []string{
	"pod", "pods", "po", "service", "services", "svc", "replicaset", "replicasets", "rs", "job", "jobs", "cronjob", "cronjobs", "cj",
	"rollout", "rollouts", "namespace", "namespaces", "ns", "all",
}

// workloadArgument reads TYPE/NAME, TYPE NAME or just NAME. Without a type the kind is empty.
func workloadArgument(arguments []string) (kind mesh.Kind, name string, err error) {
	var word string
	switch len(arguments) {
	case 0:
		return "", "", usage("name the workload: TYPE/NAME, as deployment/server")
	case 1:
		word, name = "", arguments[0]
		if before, after, ok := strings.Cut(arguments[0], "/"); ok {
			word, name = before, after
		}
	case 2:
		word, name = arguments[0], arguments[1]
		if isKind := workloadKinds[strings.ToLower(word)] != "" || slices.Contains(otherKinds, strings.ToLower(word)); !isKind || strings.Contains(name, "/") {
			return "", "", usage("one workload at a time: %s is too many", name)
		}
	default:
		return "", "", usage("one workload at a time: %s are too many", strings.Join(arguments[1:], ", "))
	}
	if word != "" {
		found, ok := workloadKinds[strings.ToLower(word)]
		if !ok {
			return "", "", usage("%q is not a kind of workload: use deployment, statefulset or daemonset", word)
		}
		kind = found
	}
	if problems := validation.IsDNS1123Subdomain(name); len(problems) > 0 {
		return "", "", usage("%q is not a workload's name: %s", name, problems[0])
	}
	return kind, name, nil
}

// oneOf checks the value of a flag that takes one of a few words; an empty one among them is what the flag is when not set.
func oneOf(flag, value string, allowed ...string) error {
	if slices.Contains(allowed, value) {
		return nil
	}
	named := slices.DeleteFunc(slices.Clone(allowed), func(word string) bool { return word == "" })
	return usage("--%s=%s: must be one of %s", flag, value, strings.Join(named, ", "))
}
