package oracle

import (
	"fmt"
	"slices"
	"strings"

	route "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
)

// tellRoutes gives the virtual hosts of every route table with their routes in Envoy's order.
func (a *istiodAnswer) tellRoutes(tables []*route.RouteConfiguration) {
	for _, table := range tables {
		for _, host := range table.VirtualHosts {
			if strings.HasPrefix(host.Name, "blackhole:") {
				continue
			}
			for _, domain := range host.Domains {
				if strings.Contains(domain, "/") {
					continue // no call has such a host: istiod leaves the namespace in hosts that it only redirects
				}
				subject := table.Name + " " + domain
				a.set(topicHost, subject, hostText(host.RequireTls == route.VirtualHost_ALL))
				var names []string
				for _, entry := range host.Routes {
					if slices.Contains(names, entry.Name) {
						continue // a second server of the table takes the same VirtualService
					}
					names = append(names, entry.Name)
					a.set(topicRoute, subject+" "+entry.Name, a.leadsTo(entry))
				}
				a.set(topicRoute, subject+" order", strings.Join(names, " "))
				hit := reached(domain, host.Routes)
				for _, name := range names {
					a.set(topicReached, subject+" "+name, reachedText(hit[name]))
				}
			}
		}
	}
}

func reachedText(is bool) string {
	if is {
		return "by gRPC calls"
	}
	return "by none"
}

func hostText(redirects bool) string {
	if redirects {
		return "redirects to https"
	}
	return "routed"
}

// leadsTo says where a route leads: to clusters, with their shares where there are several.
func (a *istiodAnswer) leadsTo(entry *route.Route) string {
	switch action := entry.Action.(type) {
	case *route.Route_Redirect:
		return "redirect"
	case *route.Route_DirectResponse:
		return "direct response"
	case *route.Route_Route:
		if cluster := action.Route.GetCluster(); cluster != "" {
			return a.tellCluster(cluster)
		}
		var shares []string
		for _, weighted := range action.Route.GetWeightedClusters().GetClusters() {
			shares = append(shares, fmt.Sprintf("%s weight %d", a.tellCluster(weighted.Name), weighted.GetWeight().GetValue()))
		}
		return strings.Join(shares, ", ")
	default:
		return fmt.Sprintf("%T", entry.Action)
	}
}
