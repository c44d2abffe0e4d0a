package proxy

import (
	"slices"
	"strconv"
	"strings"

	core "k8s.io/api/core/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
)

// gatewayRole says what the pods of a template are to istiod.
type gatewayRole int

const (
	// roleOther pods are no gateways: applications, sidecars, waypoints, the control plane.
	roleOther gatewayRole = iota
	// roleUnknown pods may be gateways: only their metadata is known.
	roleUnknown
	// RoleRouter pods run a proxy of type router.
	RoleRouter
)

const (
	injectTemplatesAnnotation = "inject.istio.io/templates"
	// GatewayNameLabel on pods names the Gateway of the Gateway API for which istiod made them.
	GatewayNameLabel = "gateway.networking.k8s.io/gateway-name"
	// GatewayManagedLabel on pods names the controller that made them for a Gateway.
	GatewayManagedLabel = "gateway.istio.io/managed"
	// UnprivilegedPodEnvironment is the variable by which a gateway's pods say that they may not bind ports below 1024.
	UnprivilegedPodEnvironment = "ISTIO_META_UNPRIVILEGED_POD"
)

// RoleOf judges by what the pods run: "proxy router" is the command line of a gateway; a gateway that is injected names the
// injection template instead.
// Source: Istio pilot/cmd/pilot-agent/options and app/cmd.go (the proxy type is the first argument of "proxy"),
// manifests/charts/istio-control/istio-discovery/files/gateway-injection-template.yaml.
func RoleOf(template *core.PodTemplateSpec) gatewayRole {
	for _, container := range workload.ServingContainers(&template.Spec) {
		if role, says := roleOfArguments(container); says {
			return role
		}
	}
	names := InjectionTemplates(template)
	switch {
	case slices.Contains(names, "gateway"):
		return RoleRouter
	case slices.Contains(names, "sidecar") || slices.Contains(names, "waypoint"):
		return roleOther
	case len(template.Spec.Containers) == 0:
		return roleOfMetadata(template)
	case len(template.Spec.Containers) == 1 && template.Spec.Containers[0].Name == workload.ProxyContainer:
		// A proxy that serves no application, and is none of the others: another template may make it, or its image's own command.
		return RoleRouter
	default:
		return roleOther
	}
}

// roleOfArguments reads "proxy router" or "proxy sidecar" from a container's command line; says is false for any other. A
// sidecar says nothing about its pod beyond that it is no gateway.
func roleOfArguments(container *core.Container) (role gatewayRole, says bool) {
	if !slices.Contains(container.Command, "proxy") && !slices.Contains(container.Args, "proxy") {
		return roleOther, false
	}
	words := slices.Concat(container.Command, container.Args)
	at := slices.Index(words, "proxy")
	if at+1 == len(words) {
		return roleOther, false
	}
	switch words[at+1] {
	case "router":
		return RoleRouter, true
	case "sidecar", "waypoint", "ztunnel":
		return roleOther, true
	default:
		return roleOther, false
	}
}

func roleOfMetadata(template *core.PodTemplateSpec) gatewayRole {
	switch {
	case strings.Contains(template.Labels[GatewayManagedLabel], "mesh-controller"):
		return roleOther
	case template.Labels[GatewayNameLabel] != "":
		return RoleRouter
	default:
		return roleUnknown
	}
}

// InjectionTemplates are the names in inject.istio.io/templates.
func InjectionTemplates(template *core.PodTemplateSpec) []string {
	var names []string
	for name := range strings.SplitSeq(template.Annotations[injectTemplatesAnnotation], ",") {
		names = append(names, strings.TrimSpace(name))
	}
	return names
}

// IsUnprivileged reports whether the pods tell istiod that they cannot open ports below 1024; it then leaves such listeners out.
// Source: Istio pilot/pkg/model/context.go (Proxy.IsUnprivileged).
func (w *GatewayWorkload) IsUnprivileged() bool {
	for _, container := range workload.ServingContainers(&w.Template.Spec) {
		for _, variable := range container.Env {
			if variable.Name == UnprivilegedPodEnvironment {
				unprivileged, _ := strconv.ParseBool(variable.Value)
				return unprivileged
			}
		}
	}
	return false
}

// MayNotBind says whether nothing in the pods' settings lets the proxy bind that port, with the settings as a clause. Ports
// from 1024 may always be bound. Container runtimes can lower the limit on their own, so it is a doubt, never certain.
// Source: Linux capabilities(7), CAP_NET_BIND_SERVICE; ip_unprivileged_port_start in Linux' ip-sysctl documentation.
func (w *GatewayWorkload) MayNotBind(port int32) (why string, doubt bool) {
	if port >= 1024 || port == 0 || w.bindsAnyPort(port) {
		return "", false
	}
	for _, container := range workload.ServingContainers(&w.Template.Spec) {
		role, says := roleOfArguments(container)
		if !says || role != RoleRouter {
			continue
		}
		user, known := userOf(container, w.Template.Spec.SecurityContext)
		if !known || mayBindLowPorts(container.SecurityContext) {
			return "", false
		}
		sysctl := "without the sysctl " + unprivilegedPortSysctl
		if start := w.unprivilegedPortStart(); start != "" {
			sysctl = "the sysctl " + unprivilegedPortSysctl + " lets users bind ports from " + start + " on only"
		}
		return "the proxy runs as " + user + ", without NET_BIND_SERVICE, and " + sysctl, true
	}
	return "", false
}

const unprivilegedPortSysctl = "net.ipv4.ip_unprivileged_port_start"

// bindsAnyPort reports whether the pod's sysctl lets every user bind the port, or that the node's does, which is not known here.
func (w *GatewayWorkload) bindsAnyPort(port int32) bool {
	if w.Template.Spec.HostNetwork {
		return true
	}
	start, err := strconv.Atoi(w.unprivilegedPortStart())
	return err == nil && int32(start) <= port
}

// unprivilegedPortStart is the value of the pod's sysctl, empty where it is not set.
func (w *GatewayWorkload) unprivilegedPortStart() string {
	if security := w.Template.Spec.SecurityContext; security != nil {
		for _, sysctl := range security.Sysctls {
			if sysctl.Name == unprivilegedPortSysctl {
				return strings.TrimSpace(sysctl.Value)
			}
		}
	}
	return ""
}

// userOf is the user of a container that is certainly not root, as a phrase; known is false for root and where the image
// decides. A container's own settings win over the pod's.
func userOf(container *core.Container, pod *core.PodSecurityContext) (user string, known bool) {
	var uid *int64
	var nonRoot *bool
	if pod != nil {
		uid, nonRoot = pod.RunAsUser, pod.RunAsNonRoot
	}
	if own := container.SecurityContext; own != nil {
		if own.RunAsUser != nil {
			uid = own.RunAsUser
		}
		if own.RunAsNonRoot != nil {
			nonRoot = own.RunAsNonRoot
		}
	}
	switch {
	case uid != nil && *uid != 0:
		return "UID " + strconv.FormatInt(*uid, 10), true
	case uid == nil && nonRoot != nil && *nonRoot:
		return "a user other than root", true
	default:
		return "", false
	}
}

// mayBindLowPorts reports whether the container is given the capability to; a privileged one has all of them.
func mayBindLowPorts(security *core.SecurityContext) bool {
	switch {
	case security == nil:
		return false
	case security.Privileged != nil && *security.Privileged:
		return true
	case security.Capabilities == nil:
		return false
	}
	return slices.ContainsFunc(security.Capabilities.Add, func(capability core.Capability) bool {
		name := strings.TrimPrefix(strings.ToUpper(string(capability)), "CAP_")
		return name == "NET_BIND_SERVICE" || name == "ALL"
	})
}
