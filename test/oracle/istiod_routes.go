package oracle

import (
	"fmt"
	"slices"
	"strings"

	route "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
)

// tellRoutes gives the virtual hosts of every route table with their routes in Envoy's order, and the clusters that they
// lead to.
func (a *istiodAnswer) tellRoutes(tables []*route.RouteConfiguration) (clusters []string) {
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
					leads, to := actionText(entry)
					clusters = append(clusters, to...)
					a.set(topicRoute, subject+" "+entry.Name, leads)
				}
				a.set(topicRoute, subject+" order", strings.Join(names, " "))
			}
		}
	}
	slices.Sort(clusters)
	return slices.Compact(clusters)
}

func hostText(redirects bool) string {
	if redirects {
		return "redirects to https"
	}
	return "routed"
}

// actionText says where a route leads: to clusters, with their shares where there are several.
func actionText(entry *route.Route) (text string, clusters []string) {
	switch action := entry.Action.(type) {
	case *route.Route_Redirect:
		return "redirect", nil
	case *route.Route_DirectResponse:
		return "direct response", nil
	case *route.Route_Route:
		if cluster := action.Route.GetCluster(); cluster != "" {
			return cluster, []string{cluster}
		}
		var shares []string
		for _, weighted := range action.Route.GetWeightedClusters().GetClusters() {
			shares = append(shares, fmt.Sprintf("%s weight %d", weighted.Name, weighted.GetWeight().GetValue()))
			clusters = append(clusters, weighted.Name)
		}
		return strings.Join(shares, ", "), clusters
	default:
		return fmt.Sprintf("%T", entry.Action), nil
	}
}
