package plugin

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/util/validation"
)

func portFlag(command *cobra.Command, flag string, port int64) error {
	if command.Flags().Changed(flag) && validation.IsValidPortNum(int(port)) != nil {
		return usage("--%s=%d: must be between 1 and 65535", flag, port)
	}
	return nil
}

func targetPortFlag(value string) error {
	if value == "" {
		return nil
	}
	if number, err := strconv.Atoi(value); err == nil {
		if validation.IsValidPortNum(number) != nil {
			return usage("--target-port=%s: must be between 1 and 65535, or a container port's name", value)
		}
		return nil
	}
	if problems := validation.IsValidPortName(value); len(problems) > 0 {
		return usage("--target-port=%s: neither a number nor a container port's name: %s", value, problems[0])
	}
	return nil
}

func serviceNameFlag(value string) error {
	if value == "" {
		return nil
	}
	if problems := validation.IsDNS1035Label(value); len(problems) > 0 {
		return usage("--service=%s is not a Service's name: %s", value, problems[0])
	}
	return nil
}

func gatewayFlag(value string) error {
	if value == "" {
		return nil
	}
	namespace, name, qualified := strings.Cut(value, "/")
	if !qualified {
		namespace, name = "default", value
	}
	if len(validation.IsDNS1123Label(namespace)) > 0 || len(validation.IsDNS1123Subdomain(name)) > 0 {
		return usage("--gateway=%s: must be NAMESPACE/NAME, or the NAME of one beside the workload", value)
	}
	return nil
}

const gatewayWorkloadUsage = "Workload of the gateway's pods, as NAMESPACE/NAME (default: the only one)"

func gatewayWorkloadFlag(value string) error {
	if value == "" {
		return nil
	}
	words := strings.Split(value, "/")
	if len(words) == 3 && slices.Contains([]string{"deployment", "statefulset", "daemonset", "pod"}, words[0]) {
		words = words[1:]
	}
	if len(words) != 2 || len(validation.IsDNS1123Label(words[0])) > 0 || len(validation.IsDNS1123Subdomain(words[1])) > 0 {
		return usage("--gateway-workload=%s: must be NAMESPACE/NAME of the Deployment, StatefulSet or DaemonSet of a gateway's pods", value)
	}
	return nil
}

func revisionFlag(value string) error {
	if problems := validation.IsValidLabelValue(value); len(problems) > 0 {
		return usage("--revision=%s is not a revision's name: %s", value, problems[0])
	}
	return nil
}

func hostFlags(hosts []string) error {
	for _, host := range hosts {
		if host == "*" {
			continue
		}
		if strings.ContainsAny(host, ":/") {
			return usage("--host=%s: a host has no scheme, port or path; as grpc.example.com", host)
		}
		var problems []string
		if strings.HasPrefix(host, "*.") {
			problems = validation.IsWildcardDNS1123Subdomain(host)
		} else {
			problems = validation.IsDNS1123Subdomain(host)
		}
		if len(problems) > 0 {
			return usage("--host=%s is not a host name: %s", host, problems[0])
		}
	}
	return nil
}

// eachOnce leaves out what is there twice; nil stays nil.
func eachOnce(values []string) []string {
	var once []string
	for _, value := range values {
		if !slices.Contains(once, value) {
			once = append(once, value)
		}
	}
	return once
}

// grpcServiceName is package.Service as the path of a call has it, without the slashes around it.
var grpcServiceName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*$`)

func grpcServiceFlags(services []string) error {
	for _, service := range services {
		if !grpcServiceName.MatchString(service) {
			return usage("--grpc-service=%s: must be the full name of a gRPC service, as shop.v1.Orders", service)
		}
	}
	return nil
}

func tlsFlags(secret string, mutual bool) error {
	if secret == "" {
		if mutual {
			return usage("--tls-mutual goes with --tls-secret")
		}
		return nil
	}
	if problems := validation.IsDNS1123Subdomain(secret); len(problems) > 0 {
		return usage("--tls-secret=%s is not a Secret's name: %s", secret, problems[0])
	}
	return nil
}
