package mesh

import (
	admission "k8s.io/api/admissionregistration/v1"
	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// withDefaults is the object with the values that the API server fills in, so that a manifest reads like the live object it
// becomes. The object itself is not touched; one that lacks nothing is given back as it is.
// Source: SetDefaults_* in Kubernetes' pkg/apis/{core,apps,admissionregistration}/v1/defaults.go.
func withDefaults(object Object) Object {
	switch typed := object.(type) {
	case *core.Service:
		if serviceLacksDefaults(typed) {
			typed = typed.DeepCopy()
			defaultService(typed)
		}
		return typed
	case *apps.Deployment:
		if typed.Spec.Replicas == nil || templateLacksDefaults(&typed.Spec.Template) {
			typed = typed.DeepCopy()
			defaultReplicas(&typed.Spec.Replicas)
			defaultTemplate(&typed.Spec.Template)
		}
		return typed
	case *apps.StatefulSet:
		if typed.Spec.Replicas == nil || templateLacksDefaults(&typed.Spec.Template) {
			typed = typed.DeepCopy()
			defaultReplicas(&typed.Spec.Replicas)
			defaultTemplate(&typed.Spec.Template)
		}
		return typed
	case *apps.DaemonSet:
		if templateLacksDefaults(&typed.Spec.Template) {
			typed = typed.DeepCopy()
			defaultTemplate(&typed.Spec.Template)
		}
		return typed
	case *admission.MutatingWebhookConfiguration:
		typed = typed.DeepCopy()
		for i := range typed.Webhooks {
			defaultWebhook(&typed.Webhooks[i])
		}
		return typed
	default:
		return object
	}
}

func serviceLacksDefaults(service *core.Service) bool {
	if service.Spec.Type == "" {
		return true
	}
	for _, port := range service.Spec.Ports {
		if port.Protocol == "" || port.TargetPort == (intstr.IntOrString{}) {
			return true
		}
	}
	return false
}

func defaultService(service *core.Service) {
	if service.Spec.Type == "" {
		service.Spec.Type = core.ServiceTypeClusterIP
	}
	for i := range service.Spec.Ports {
		port := &service.Spec.Ports[i]
		if port.Protocol == "" {
			port.Protocol = core.ProtocolTCP
		}
		if port.TargetPort == (intstr.IntOrString{}) || port.TargetPort == intstr.FromString("") {
			port.TargetPort = intstr.FromInt32(port.Port)
		}
	}
}

func defaultReplicas(replicas **int32) {
	if *replicas == nil {
		one := int32(1)
		*replicas = &one
	}
}

func templateLacksDefaults(template *core.PodTemplateSpec) bool {
	for _, container := range template.Spec.Containers {
		for _, port := range container.Ports {
			if port.Protocol == "" {
				return true
			}
		}
	}
	return false
}

func defaultTemplate(template *core.PodTemplateSpec) {
	for i := range template.Spec.Containers {
		ports := template.Spec.Containers[i].Ports
		for j := range ports {
			if ports[j].Protocol == "" {
				ports[j].Protocol = core.ProtocolTCP
			}
		}
	}
}

func defaultWebhook(webhook *admission.MutatingWebhook) {
	if webhook.FailurePolicy == nil {
		fail := admission.Fail
		webhook.FailurePolicy = &fail
	}
	if webhook.ReinvocationPolicy == nil {
		never := admission.NeverReinvocationPolicy
		webhook.ReinvocationPolicy = &never
	}
	if webhook.MatchPolicy == nil {
		equivalent := admission.Equivalent
		webhook.MatchPolicy = &equivalent
	}
}
