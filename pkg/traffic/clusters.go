package traffic

import (
	"encoding/json"
	"fmt"
	"net"
	"strconv"
	"strings"
)

// Counts are requests by the address (host:port) of the pod that got them.
type Counts map[string]uint64

// clusters is what Envoy's admin interface answers to /clusters?format=json.
// Source: Envoy api/envoy/admin/v3/clusters.proto (Clusters, HostStatus), source/server/admin/clusters_handler.cc.
type clusters struct {
	Statuses []struct {
		Name  string `json:"name"`
		Hosts []struct {
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
		} `json:"host_statuses"`
	} `json:"cluster_statuses"`
}

// ClusterCounts are the requests (rq_total) that a proxy has sent to each endpoint of a Service's port, all subsets taken
// together. text is the answer of its admin interface to /clusters?format=json; service and namespace are the Service's.
// Source of the clusters' names: Istio pilot/pkg/model/service.go (BuildSubsetKey).
func ClusterCounts(text []byte, service, namespace string, port int32) (Counts, error) {
	var all clusters
	if err := json.Unmarshal(text, &all); err != nil {
		return nil, fmt.Errorf("the proxy's list of clusters cannot be read: %w", err)
	}
	counts := Counts{}
	for _, cluster := range all.Statuses {
		if !leadsTo(cluster.Name, service, namespace, port) {
			continue
		}
		for _, host := range cluster.Hosts {
			address := host.Address.Internal.EndpointID
			if socket := host.Address.Socket; socket.Address != "" {
				address = net.JoinHostPort(socket.Address, strconv.Itoa(socket.Port))
			}
			for _, statistic := range host.Statistics {
				if statistic.Name != "rq_total" {
					continue
				}
				value, err := strconv.ParseUint("0"+statistic.Value, 10, 64)
				if err != nil {
					return nil, fmt.Errorf("the proxy counts %q requests to %s", statistic.Value, address)
				}
				counts[address] += value
			}
		}
	}
	return counts, nil
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
		c[address] += count
	}
}
