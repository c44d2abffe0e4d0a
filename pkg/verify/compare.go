package verify

import (
	"context"
	"fmt"
	"slices"

	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/callpath"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/report"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/traffic"
)

// compare makes the same calls past the gateway, over a connection to the Service: the port-forward leads it to one pod, as
// the Service's own balancing of connections would, and there it stays.
func (v *verifier) compare(ctx context.Context) (*report.Verification, error) {
	if v.entrance == nil {
		return nil, fmt.Errorf("no route of a gateway leads to %s", v.workload.Key)
	}
	service := v.entrance.Service
	endpoints := &podObserver{client: v.client, namespace: service.Namespace, endpoints: callpath.EndpointsOf(v.snapshot, service)}
	pods := endpoints.readyPods()
	port, ok := v.targetPort()
	if len(pods) == 0 || !ok {
		return nil, fmt.Errorf("no pod of %s is ready", mesh.KeyOf(service))
	}
	forward, err := v.forward(ctx, types.NamespacedName{Namespace: service.Namespace, Name: pods[0]}, port)
	if err != nil {
		return nil, err
	}
	defer forward.Close()
	shown := &report.Verification{Workload: v.workload.Key, Address: fmt.Sprintf("%s by port-forward, past the gateway", mesh.KeyOf(service))}
	target := traffic.Target{Address: forward.Address, Headers: v.trial.Headers}
	if err := v.calls(ctx, target, nobody{}, shown); err != nil {
		return nil, err
	}
	for _, pod := range pods {
		share := traffic.Share{Pod: pod, Ready: true}
		if pod == pods[0] {
			share.Calls = uint64(shown.Result.Made)
		}
		shown.Shares = append(shown.Shares, share)
	}
	shown.CountedBy = "the port-forward, which leads to one pod"
	shown.Verdict, shown.Why = traffic.Judge(shown.Result, shown.Shares)
	return shown, nil
}

// targetPort is the port in the pods to which the entrance's Service port leads.
func (v *verifier) targetPort() (int32, bool) {
	ports := v.entrance.Service.Spec.Ports
	at := slices.IndexFunc(ports, func(port core.ServicePort) bool { return port.Port == v.entrance.ServicePort })
	if at < 0 {
		return 0, false
	}
	number, _, ok := workload.TargetPort(&ports[at], v.workload.Template)
	return number, ok
}
