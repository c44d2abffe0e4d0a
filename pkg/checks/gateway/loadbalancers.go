package gateway

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	core "k8s.io/api/core/v1"
)

// layer7 is an annotation that makes a cloud's load balancer read HTTP/1.1.
type layer7 struct {
	cloud string
	key   string
	// applies says that the annotation's value means HTTP for one of the ports.
	applies func(value string, ports []*core.ServicePort) bool
	// unlessKey and unlessValues are the annotation of another kind of load balancer, which passes TCP on whatever key says;
	// unlessClasses are the loadBalancerClasses of some.
	unlessKey     string
	unlessValues  []string
	unlessClasses []string
}

// layer7Annotations are those of the clouds' service controllers. Sources, each cloud's list of Service annotations:
// kubernetes/cloud-provider-aws docs/service_controller.md; digitalocean-cloud-controller-manager docs/controllers/services;
// Alibaba Cloud ACK, "Use annotations to configure load balancing"; TKE, "Service Annotation" (457/51258); Huawei Cloud CCE,
// "Configuring load balancing using annotations"; hcloud-cloud-controller-manager; linode-cloud-controller-manager;
// oracle/oci-cloud-controller-manager docs/load-balancer-annotations.md; kubernetes/cloud-provider-openstack
// docs/openstack-cloud-controller-manager (x-forwarded-for makes the listener HTTP); vultr-cloud-controller-manager;
// scaleway-cloud-controller-manager docs/loadbalancer-annotations.md; for loadBalancerClass aws-load-balancer-controller
// docs/guide/service/nlb.md.
var layer7Annotations = []layer7{
	{
		cloud: "AWS", key: awsBackendProtocol, applies: isHTTPValue,
		unlessKey: awsType, unlessValues: awsNetworkTypes, unlessClasses: awsNetworkClasses,
	},
	{
		cloud: "DigitalOcean", key: "service.beta.kubernetes.io/do-loadbalancer-protocol", applies: isHTTPValue,
		unlessKey: digitalOceanPassthrough, unlessValues: []string{"true"},
	},
	{cloud: "DigitalOcean", key: "service.beta.kubernetes.io/do-loadbalancer-http-ports", applies: listsPort},
	{
		cloud: "DigitalOcean", key: "service.beta.kubernetes.io/do-loadbalancer-tls-ports", applies: listsPort,
		unlessKey: digitalOceanPassthrough, unlessValues: []string{"true"},
	},
	{cloud: "Scaleway", key: "service.beta.kubernetes.io/scw-loadbalancer-protocol-http", applies: isTrueOrListsPort},
	{cloud: "Alibaba Cloud", key: "service.beta.kubernetes.io/alibaba-cloud-loadbalancer-protocol-port", applies: listsHTTPPort},
	{cloud: "Alibaba Cloud", key: "service.beta.kubernetes.io/alicloud-loadbalancer-protocol-port", applies: listsHTTPPort},
	{cloud: "Tencent Cloud", key: "service.cloud.tencent.com/specify-protocol", applies: specifiesHTTP},
	{cloud: "Huawei Cloud", key: "kubernetes.io/elb.protocol-port", applies: listsHTTPPort},
	{cloud: "Hetzner", key: "load-balancer.hetzner.cloud/protocol", applies: isHTTPValue},
	{cloud: "Linode", key: "service.beta.kubernetes.io/linode-loadbalancer-default-protocol", applies: isHTTPValue},
	{
		cloud: "OCI", key: "service.beta.kubernetes.io/oci-load-balancer-backend-protocol", applies: isHTTPValue,
		unlessKey: "oci.oraclecloud.com/load-balancer-type", unlessValues: []string{"nlb"},
	},
	{cloud: "OpenStack", key: "loadbalancer.openstack.org/x-forwarded-for", applies: isTrue},
	{cloud: "Vultr", key: "service.beta.kubernetes.io/vultr-loadbalancer-protocol", applies: isHTTPValue},
}

// digitalOceanPassthrough has TLS passed on as it is.
const digitalOceanPassthrough = "service.beta.kubernetes.io/do-loadbalancer-tls-passthrough"

// layer7Annotation is the annotation by which the Service's load balancer reads HTTP/1.1 on one of the ports, and the cloud;
// empty if there is none.
func layer7Annotation(service *core.Service, ports []*core.ServicePort) (key, cloud string) {
	for _, annotation := range layer7Annotations {
		value, ok := service.Annotations[annotation.key]
		class := service.Spec.LoadBalancerClass
		if !ok || slices.Contains(annotation.unlessValues, service.Annotations[annotation.unlessKey]) ||
			class != nil && slices.Contains(annotation.unlessClasses, *class) {
			continue
		}
		if annotation.applies(value, ports) {
			return annotation.key, annotation.cloud
		}
	}
	return "", ""
}

func isHTTP(protocol string) bool {
	protocol = strings.ToLower(strings.TrimSpace(protocol))
	return protocol == "http" || protocol == "https"
}

func isHTTPValue(value string, _ []*core.ServicePort) bool { return isHTTP(value) }

func isTrue(value string, _ []*core.ServicePort) bool {
	on, err := strconv.ParseBool(value)
	return err == nil && on
}

// isTrueOrListsPort reads "true", "*" and "80,443".
func isTrueOrListsPort(value string, ports []*core.ServicePort) bool {
	return value == "*" || isTrue(value, ports) || listsPort(value, ports)
}

// listsPort reads "80,443".
func listsPort(value string, ports []*core.ServicePort) bool {
	for number := range strings.SplitSeq(value, ",") {
		if hasNumber(ports, strings.TrimSpace(number)) {
			return true
		}
	}
	return false
}

// listsHTTPPort reads "https:443,http:80".
func listsHTTPPort(value string, ports []*core.ServicePort) bool {
	for pair := range strings.SplitSeq(value, ",") {
		protocol, number, _ := strings.Cut(pair, ":")
		if isHTTP(protocol) && hasNumber(ports, strings.TrimSpace(number)) {
			return true
		}
	}
	return false
}

// specifiesHTTP reads {"80": {"protocol": ["HTTP"]}}.
func specifiesHTTP(value string, ports []*core.ServicePort) bool {
	var byPort map[string]struct {
		Protocol []string `json:"protocol"`
	}
	if json.Unmarshal([]byte(value), &byPort) != nil {
		return false
	}
	for number, settings := range byPort {
		if hasNumber(ports, number) && slices.ContainsFunc(settings.Protocol, isHTTP) {
			return true
		}
	}
	return false
}

func hasNumber(ports []*core.ServicePort, number string) bool {
	return slices.ContainsFunc(ports, func(port *core.ServicePort) bool { return strconv.Itoa(int(port.Port)) == number })
}
