package expose

import (
	"k8s.io/apimachinery/pkg/types"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/remedy"
)

// Result is what Build decided.
type Result struct {
	Plan plan.Plan
	// After is the snapshot as it will be when the plan is carried out and what it waits for has happened: rolled out pods, and
	// a gateway port that somebody else's controller opens.
	After    *mesh.Snapshot
	Workload *workload.Workload
	// TargetPort is the container port of the gRPC server.
	TargetPort int32
	// Service and ServicePort are what routes lead to.
	Service     types.NamespacedName
	ServicePort int32
	// Gateway is the gateway's proxies, GatewayObject the Gateway whose server takes the calls.
	Gateway       *proxy.GatewayWorkload
	GatewayObject types.NamespacedName
	// VirtualService is the one whose route leads to the Service.
	VirtualService types.NamespacedName
	// Port, Hosts and TLS are what a client needs to know, beside an address.
	Port  int32
	Hosts []string
	TLS   bool
	// TLSMutual says that clients must show a certificate.
	TLSMutual bool
	// TLSSecret is the Secret that a new server shows, GRPCServices the only services whose calls are routed; none for all calls.
	TLSSecret    string
	GRPCServices []string
	// Rollouts are the workloads whose pods the plan makes anew.
	Rollouts []mesh.Key
	// AwaitPort is the gateway's Service on which somebody else's controller will open Port; nil if it is open.
	AwaitPort *mesh.Key
}

// Build decides what it takes. Its error is an *Error where the user can do something about it. Each step is given what those
// before it decided, and the draft that collects their changes.
func Build(intent Intent, snapshot *mesh.Snapshot) (*Result, error) {
	workload, err := findWorkload(intent, snapshot)
	if err != nil {
		return nil, err
	}
	d := &draft{intent: intent, snapshot: snapshot, workload: workload}
	targetPort, err := d.findTargetPort()
	if err != nil {
		return nil, err
	}
	choice, err := d.findGateway()
	if err != nil {
		return nil, err
	}
	d.gateway = choice.pods
	rollouts, err := d.prepareInjection()
	if err != nil {
		return nil, err
	}
	service, err := d.prepareService(targetPort)
	if err != nil {
		return nil, err
	}
	awaited, err := d.openPort(choice, service.outside)
	if err != nil {
		return nil, err
	}
	entrance, route, err := d.prepareEntrance(choice, service)
	if err != nil {
		return nil, err
	}
	result := &Result{
		Workload: workload, TargetPort: targetPort, Service: service.name, ServicePort: service.port,
		Gateway: d.gateway, GatewayObject: entrance.gateway, VirtualService: route,
		Port: service.outside, Hosts: entrance.hosts, TLS: entrance.tls, TLSMutual: entrance.mutual,
		TLSSecret: intent.TLSSecret, GRPCServices: intent.GRPCServices,
		Rollouts: rollouts, AwaitPort: awaited,
	}
	d.noteOthers(result)
	d.noteSurprises(result)
	result.Plan = plan.Plan{Changes: d.inOrder(), Notes: d.notes}
	result.After = d.after(result)
	return result, nil
}

// prepareEntrance sees to the Gateway's server and to the route from it to the Service, and proves that calls take them.
func (d *draft) prepareEntrance(choice gatewayChoice, service backend) (entrance listener, route types.NamespacedName, err error) {
	if err := d.project(); err != nil {
		return entrance, route, err
	}
	r := &routing{draft: d, before: d.snapshot, selector: choice.selector, backend: service}
	if err := r.checkSecret(choice); err != nil {
		return entrance, route, err
	}
	if entrance, err = r.prepareServer(); err != nil {
		return entrance, route, err
	}
	if route, err = r.prepareRoute(entrance); err != nil {
		return entrance, route, err
	}
	return entrance, route, r.prove(entrance, route)
}

// after completes the draft's snapshot by what happens once the plan is carried out.
func (d *draft) after(result *Result) *mesh.Snapshot {
	// Some rollouts are under way already, and no change of the plan's begins them.
	after := proxy.Restart(d.snapshot, result.Rollouts)
	if result.AwaitPort == nil {
		return after
	}
	service, ok := after.Services().Get(result.AwaitPort.Namespace, result.AwaitPort.Name)
	if !ok {
		return after
	}
	opened := remedy.GatewayPort{Number: result.Port, Protocol: d.protocol()}.OpenedBy(service)
	return after.With(mesh.Change{Put: []mesh.Object{opened}})
}
