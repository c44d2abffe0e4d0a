package traffic

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
)

// Counts are requests by the address (host:port) of the pod that got them.
type Counts map[string]uint64

// host is what Envoy's admin interface says of one endpoint.
// Source: Envoy api/envoy/admin/v3/clusters.proto (Clusters, HostStatus), source/server/admin/clusters_handler.cc.
type host struct {
	Address struct {
		Socket struct {
			Address string `json:"address"`
			Port    int    `json:"port_value"`
		} `json:"socket_address"`
		// Internal is how a pod of the ambient mesh is reached: through a listener of the proxy itself.
		Internal struct {
			EndpointID string `json:"endpoint_id"`
		} `json:"envoy_internal_address"`
	} `json:"address"`
	Statistics []struct {
		Name string `json:"name"`
		// Value is a string, and left out where it is 0.
		Value string `json:"value"`
	} `json:"stats"`
}

// clusterCounts are the requests (rq_total) that a proxy has sent to each endpoint of a Service's port, all subsets taken
// together. text is the answer of its admin interface to /clusters?format=json; service and namespace are the Service's. It is
// read as it comes, an endpoint at a time: a gateway of a large mesh, or a hostile one, says much that does not matter here.
// Source of the clusters' names: Istio pilot/pkg/model/service.go (BuildSubsetKey).
func clusterCounts(text io.Reader, service, namespace string, port int32) (Counts, error) {
	counts := Counts{}
	r := &jsonReader{json.NewDecoder(text)}
	err := r.object(func(key string) error {
		if key != "cluster_statuses" {
			return r.skip()
		}
		return r.array(func() error {
			name, of, err := r.cluster()
			if err == nil && leadsTo(name, service, namespace, port) {
				counts.Add(of)
			}
			if len(counts) > maxEndpoints {
				return errEndpoints
			}
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("the proxy's list of clusters cannot be read: %w", err)
	}
	return counts, nil
}

var errEndpoints = fmt.Errorf("it names more than %d endpoints, which is all that is read", maxEndpoints)

// cluster reads one cluster: its name, and the requests to its endpoints.
func (r *jsonReader) cluster() (name string, counts Counts, err error) {
	counts = Counts{}
	err = r.object(func(key string) error {
		switch key {
		case "name":
			return r.decoder.Decode(&name)
		case "host_statuses":
			return r.array(func() error { return r.endpoint(counts) })
		default:
			return r.skip()
		}
	})
	return name, counts, err
}

func (r *jsonReader) endpoint(counts Counts) error {
	var text json.RawMessage
	if err := r.decoder.Decode(&text); err != nil {
		return err
	}
	if len(text) > maxHost {
		return fmt.Errorf("it says more than %d kB of one endpoint, which is all that is read", maxHost>>10)
	}
	var endpoint host
	if err := json.Unmarshal(text, &endpoint); err != nil {
		return err
	}
	address := endpoint.Address.Internal.EndpointID
	if socket := endpoint.Address.Socket; socket.Address != "" {
		address = net.JoinHostPort(socket.Address, strconv.Itoa(socket.Port))
	}
	address = shortened(address)
	for _, statistic := range endpoint.Statistics {
		if statistic.Name != "rq_total" {
			continue
		}
		value, err := strconv.ParseUint("0"+statistic.Value, 10, 64)
		if err != nil || value > maxRequests {
			return fmt.Errorf("it counts %q requests to %s", shortened(statistic.Value), address)
		}
		counts[address] = min(counts[address]+value, maxRequests)
	}
	if len(counts) > maxEndpoints {
		return errEndpoints
	}
	return nil
}

// leadsTo says that a cluster (outbound|port|subset|host) is one of the Service's port, whatever the cluster's domain.
func leadsTo(name, service, namespace string, port int32) bool {
	parts := strings.Split(name, "|")
	return len(parts) == 4 && parts[0] == "outbound" && parts[1] == strconv.Itoa(int(port)) &&
		strings.HasPrefix(parts[3], service+"."+namespace+".svc.")
}

// Since is what was counted after before. A counter that has gone back began anew with its proxy.
func (c Counts) Since(before Counts) Counts {
	difference := Counts{}
	for address, count := range c {
		if count >= before[address] {
			count -= before[address]
		}
		difference[address] = count
	}
	return difference
}

// Add adds the counts of another proxy.
func (c Counts) Add(other Counts) {
	for address, count := range other {
		c[address] = min(c[address]+count, maxRequests)
	}
}
