package dataplane

import (
	"context"
	"fmt"
	"net"
	"os"
	"sync"

	core "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"

	"github.com/grpcexpose/kubectl-grpcexpose/test/dataplane/internal/relay"
)

// balancer is the load balancer of the gateway's Service: it listens on the external address, on the Service's ports and on
// no others, and passes connections on to the pod's ports.
type balancer struct {
	address, pod string
	cancel       context.CancelFunc

	mutex sync.Mutex
	open  map[int32]*openPort
}

type openPort struct {
	listener net.Listener
	target   int32
}

func newBalancer(client kubernetes.Interface, address, pod string) *balancer {
	ctx, cancel := context.WithCancel(context.Background())
	b := &balancer{address: address, pod: pod, cancel: cancel, open: map[int32]*openPort{}}
	factory := informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithNamespace(gatewayNamespace),
		informers.WithTweakListOptions(func(options *metav1.ListOptions) {
			options.FieldSelector = fields.OneTermEqualSelector("metadata.name", gatewayService).String()
		}))
	services := factory.Core().V1().Services().Informer()
	_, err := services.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(object any) { b.sync(object.(*core.Service)) },
		UpdateFunc: func(_, object any) { b.sync(object.(*core.Service)) },
	})
	if err != nil {
		panic(err) // the informer has been stopped, which it was not
	}
	factory.Start(ctx.Done())
	factory.WaitForCacheSync(ctx.Done())
	return b
}

// sync opens and closes ports until they are the Service's.
func (b *balancer) sync(service *core.Service) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	wanted := map[int32]int32{}
	for _, port := range service.Spec.Ports {
		wanted[port.Port] = port.TargetPort.IntVal
	}
	for number, open := range b.open {
		if wanted[number] != open.target {
			_ = open.listener.Close()
			delete(b.open, number)
		}
	}
	for number, target := range wanted {
		if b.open[number] != nil {
			continue
		}
		listener, err := net.Listen("tcp", net.JoinHostPort(b.address, fmt.Sprint(number)))
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			continue
		}
		b.open[number] = &openPort{listener, target}
		go relay.Serve(listener, func() (net.Conn, error) {
			return net.Dial("tcp", net.JoinHostPort(b.pod, fmt.Sprint(target)))
		})
	}
}

func (b *balancer) stop() {
	b.cancel()
	b.mutex.Lock()
	defer b.mutex.Unlock()
	for _, open := range b.open {
		_ = open.listener.Close()
	}
}
