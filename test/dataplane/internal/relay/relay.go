// Package relay passes connections on, as a balancer of layer 4 does.
package relay

import (
	"io"
	"net"
)

// Serve accepts connections until the listener is closed, and joins each with one that dial makes. Where it makes none, the
// accepted one is closed.
func Serve(listener net.Listener, dial func() (net.Conn, error)) {
	for {
		from, err := listener.Accept()
		if err != nil {
			return
		}
		go join(from, dial)
	}
}

func join(from net.Conn, dial func() (net.Conn, error)) {
	defer from.Close()
	to, err := dial()
	if err != nil {
		return
	}
	defer to.Close()
	done := make(chan struct{}, 2)
	for _, way := range [][2]net.Conn{{from, to}, {to, from}} {
		go func() {
			_, _ = io.Copy(way[0], way[1])
			done <- struct{}{}
		}()
	}
	<-done
}
