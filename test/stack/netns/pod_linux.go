package netns

import (
	"fmt"
	"net"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// neighbour is the address at which the processes of all other pods, and the test, are seen by a pod with a network of its own.
const neighbour = "10.244.255.254"

// JoinPod makes the network namespace of a process, which has nothing in it yet, that of the pod with the address: the
// process can listen on all addresses, which are the loopback and the pod's, and is reached from outside at the pod's alone.
// To be called inside of Run.
func JoinPod(pid int, address string) error {
	handle, err := netns.GetFromPid(pid)
	if err != nil {
		return err
	}
	defer handle.Close()
	within, err := netlink.NewHandleAt(handle)
	if err != nil {
		return err
	}
	defer within.Close()
	outer := fmt.Sprintf("pod%d", pid)
	pair := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: outer}, PeerName: "eth0", PeerNamespace: netlink.NsPid(pid)}
	if err := netlink.LinkAdd(pair); err != nil {
		return fmt.Errorf("make a link to the pod %s: %w", address, err)
	}
	for _, step := range []func() error{
		func() error {
			return setUpLink(netlink.LinkByName, netlink.AddrAdd, netlink.LinkSetUp, outer, neighbour)
		},
		func() error { return setUpLink(within.LinkByName, nil, within.LinkSetUp, "lo", "") },
		func() error { return setUpLink(within.LinkByName, within.AddrAdd, within.LinkSetUp, "eth0", address) },
		func() error {
			return route(netlink.RouteAdd, netlink.LinkByName, outer, address+"/32", unix.RT_TABLE_LOCAL)
		},
		func() error {
			return route(within.RouteAdd, within.LinkByName, "eth0", "0.0.0.0/0", unix.RT_TABLE_MAIN)
		},
	} {
		if err := step(); err != nil {
			return fmt.Errorf("set up the network of the pod %s: %w", address, err)
		}
	}
	return nil
}

// setUpLink turns a link on, with an address if there is one.
func setUpLink(find func(string) (netlink.Link, error), add func(netlink.Link, *netlink.Addr) error, up func(netlink.Link) error, name, address string) error {
	link, err := find(name)
	if err != nil {
		return err
	}
	if address != "" {
		if err := add(link, &netlink.Addr{IPNet: &net.IPNet{IP: net.ParseIP(address), Mask: net.CIDRMask(32, 32)}}); err != nil {
			return err
		}
	}
	return up(link)
}

// route leads to a network over a link. The table of the other namespace's addresses is asked first: there the pod's own
// route is found before that of all pods.
func route(add func(*netlink.Route) error, find func(string) (netlink.Link, error), name, network string, table int) error {
	link, err := find(name)
	if err != nil {
		return err
	}
	_, destination, err := net.ParseCIDR(network)
	if err != nil {
		return err
	}
	return add(&netlink.Route{LinkIndex: link.Attrs().Index, Dst: destination, Scope: netlink.SCOPE_LINK, Table: table})
}
