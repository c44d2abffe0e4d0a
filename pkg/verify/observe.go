package verify

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/types"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/callpath"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/cluster"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/traffic"
)

// The ports of Istio's proxies. Source: Istio pkg/config/constants, and its list of ports used by Istio.
const (
	proxyAdminPort   = 15000
	proxyMetricsPort = 15090
)

// observer counts requests by pod.
type observer interface {
	// count gives what has been counted so far; nil where nobody counts.
	count(ctx context.Context) (traffic.Counts, error)
	// shares gives each pod's part of what was counted.
	shares(counts traffic.Counts) []traffic.Share
	// name is who counts.
	name() string
	close()
}

// observe finds who can tell which pods answer: the gateway's proxies, else the pods' own, else nobody.
func (v *verifier) observe(ctx context.Context) observer {
	if v.entrance == nil {
		return nobody{reason: "which gateway the address belongs to is not known, so neither is which pods answered"}
	}
	endpoints := callpath.EndpointsOf(v.snapshot, v.entrance.Service)
	gateway, gatewayError := v.gatewayObserver(ctx, endpoints)
	if gatewayError == nil {
		return gateway
	}
	pods := &podObserver{client: v.client, namespace: v.workload.Namespace(), endpoints: endpoints}
	bounded, cancel := traffic.TimeShare(ctx, 4, observeTime)
	defer cancel()
	counts, err := pods.count(bounded)
	if err == nil && len(counts) > 0 {
		return pods
	}
	if err == nil {
		err = fmt.Errorf("no pod is ready")
	}
	return nobody{reason: fmt.Sprintf("who answered is not known: %v; and %v", gatewayError, err)}
}

const (
	// parallelForwards is how many port-forwards come about at the same time, parallelAnswers how many answers of proxies, which may
	// be large, are read at the same time.
	parallelForwards = 16
	parallelAnswers  = 4
	// observeTime is how long it may take to find out whether the pods' own proxies can be asked.
	observeTime = 10 * time.Second
	// maxStrangers is how many addresses that are no ready pod's are shown one by one.
	maxStrangers = 20
)

// gatewayObserver reads the counters of all proxies of a gateway.
type gatewayObserver struct {
	forwards      []*cluster.PortForward
	pods          []string
	service       types.NamespacedName
	port          int32
	endpoints     map[string]callpath.Endpoint
	gatewayObject string
}

func (v *verifier) gatewayObserver(ctx context.Context, endpoints map[string]callpath.Endpoint) (*gatewayObserver, error) {
	gateway := v.entrance.Gateway()
	if len(gateway.Pods) == 0 {
		return nil, fmt.Errorf("no pod of %s is known", gateway)
	}
	o := &gatewayObserver{
		forwards: make([]*cluster.PortForward, len(gateway.Pods)), endpoints: endpoints, gatewayObject: gateway.String(),
		service: types.NamespacedName{Namespace: v.entrance.Service.Namespace, Name: v.entrance.Service.Name}, port: v.entrance.ServicePort,
	}
	for _, pod := range gateway.Pods {
		o.pods = append(o.pods, mesh.KeyOf(pod).String())
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallelForwards)
	for i, pod := range gateway.Pods {
		group.Go(func() (err error) {
			o.forwards[i], err = v.forward(ctx, types.NamespacedName{Namespace: pod.Namespace, Name: pod.Name}, proxyAdminPort)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		o.close()
		return nil, err
	}
	return o, nil
}

func (o *gatewayObserver) name() string { return "the proxies of " + o.gatewayObject }

func (o *gatewayObserver) count(ctx context.Context) (traffic.Counts, error) {
	each := make([]traffic.Counts, len(o.forwards))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallelAnswers)
	for i, forward := range o.forwards {
		group.Go(func() (err error) {
			admin := traffic.Admin{Address: forward.Address, Proxy: o.pods[i]}
			each[i], err = admin.Counts(ctx, o.service.Name, o.service.Namespace, o.port)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, fmt.Errorf("the counters of %s cannot be read: %w", o.gatewayObject, err)
	}
	all := traffic.Counts{}
	for _, counts := range each {
		all.Add(counts)
	}
	return all, nil
}

// shares has the ready pods, and whoever else got requests.
func (o *gatewayObserver) shares(counts traffic.Counts) []traffic.Share {
	byPod := map[string]*traffic.Share{}
	for _, endpoint := range o.endpoints {
		if endpoint.Ready {
			byPod[endpoint.Pod] = &traffic.Share{Pod: endpoint.Pod, Ready: true}
		}
	}
	others, strangers := traffic.Share{Pod: "other addresses"}, 0
	for _, address := range slices.Sorted(maps.Keys(counts)) {
		calls := counts[address]
		host, _, err := net.SplitHostPort(address)
		if err != nil {
			host = address
		}
		pod := cmp.Or(o.endpoints[host].Pod, address)
		if byPod[pod] == nil {
			if calls == 0 {
				continue
			}
			if strangers == maxStrangers {
				others.Calls += calls
				continue
			}
			strangers++
			byPod[pod] = &traffic.Share{Pod: pod}
		}
		byPod[pod].Calls += calls
	}
	shares := sortedShares(byPod)
	if others.Calls > 0 {
		shares = append(shares, others)
	}
	return shares
}

func sortedShares(byPod map[string]*traffic.Share) []traffic.Share {
	shares := make([]traffic.Share, 0, len(byPod))
	for _, pod := range slices.Sorted(maps.Keys(byPod)) {
		shares = append(shares, *byPod[pod])
	}
	return shares
}

func (o *gatewayObserver) close() {
	for _, forward := range o.forwards {
		if forward != nil {
			forward.Close()
		}
	}
}

// podObserver reads the counters of the pods' own proxies, through the API server. It counts by the pods' names.
type podObserver struct {
	client    *cluster.Client
	namespace string
	endpoints map[string]callpath.Endpoint
}

func (o *podObserver) name() string { return "the pods' own proxies" }
func (o *podObserver) close()       {}

func (o *podObserver) count(ctx context.Context) (traffic.Counts, error) {
	pods := o.readyPods()
	each := make([]uint64, len(pods))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallelAnswers)
	for i, pod := range pods {
		group.Go(func() error {
			metrics, err := o.client.GetFromPod(ctx, types.NamespacedName{Namespace: o.namespace, Name: pod}, proxyMetricsPort, "stats/prometheus")
			if err != nil {
				return err
			}
			if each[i], err = traffic.ReceivedRequests(metrics); err != nil {
				return fmt.Errorf("metrics of Pod %s/%s: %w", o.namespace, pod, err)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	counts := traffic.Counts{}
	for i, pod := range pods {
		counts[pod] = each[i]
	}
	return counts, nil
}

// readyPods are the names of the pods that should get requests, each once.
func (o *podObserver) readyPods() []string {
	ready := map[string]bool{}
	for _, endpoint := range o.endpoints {
		if endpoint.Ready {
			ready[endpoint.Pod] = true
		}
	}
	return slices.Sorted(maps.Keys(ready))
}

func (o *podObserver) shares(counts traffic.Counts) []traffic.Share {
	byPod := map[string]*traffic.Share{}
	for pod, calls := range counts {
		byPod[pod] = &traffic.Share{Pod: pod, Ready: true, Calls: calls}
	}
	return sortedShares(byPod)
}

// nobody counts.
type nobody struct{ reason string }

func (n nobody) count(context.Context) (traffic.Counts, error) {
	if n.reason == "" {
		return nil, nil
	}
	return nil, fmt.Errorf("%s", n.reason)
}
func (nobody) shares(traffic.Counts) []traffic.Share { return nil }
func (nobody) name() string                          { return "" }
func (nobody) close()                                {}
