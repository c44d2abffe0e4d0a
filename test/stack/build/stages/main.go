// Stages prints the stages with which kwok brings nodes and pods to life at once, as one YAML stream.
//
// kwok uses the same ones when its configuration has none. The stack adds stages of its own, and then kwok takes only
// what the configuration holds.
package main

import (
	"fmt"
	"os"
	"strings"

	node "sigs.k8s.io/kwok/kustomize/stage/node/fast"
	heartbeat "sigs.k8s.io/kwok/kustomize/stage/node/heartbeat-with-lease"
	pod "sigs.k8s.io/kwok/kustomize/stage/pod/fast"
)

func main() {
	stages := []string{
		node.DefaultNodeInit,
		heartbeat.DefaultNodeHeartbeatWithLease,
		pod.DefaultPodReady,
		pod.DefaultPodComplete,
		pod.DefaultPodDelete,
	}
	if _, err := fmt.Fprint(os.Stdout, strings.Join(stages, "\n---\n")); err != nil {
		fmt.Fprintln(os.Stderr, "stages:", err)
		os.Exit(1)
	}
}
