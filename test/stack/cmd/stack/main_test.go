package main

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcexpose/kubectl-grpcexpose/test/stack"
)

func TestCommandsWithoutStacks(t *testing.T) {
	tests := map[string]struct {
		arguments      []string
		code           int
		stdout, stderr string
	}{
		"no command":      {nil, 2, "", "stack: a command is missing\n\n" + usage + "\n"},
		"unknown command": {[]string{"start"}, 2, "", "stack: there is no command \"start\"\n\n" + usage + "\n"},
		"help":            {[]string{"help"}, 0, usage, ""},
		"help of up":      {[]string{"up", "-h"}, 0, "", usage},
		"argument of up":  {[]string{"up", "demo"}, 2, "", "stack: stack up takes no argument \"demo\"\n"},
		"unknown flavour": {[]string{"up", "--flavour", "x"}, 2, "", "stack: there is no flavour \"x\": choose default, revisions or none\n"},
		"status":          {[]string{"status"}, 0, "", "There is no such stack. Start one with: stack up\n"},
		"status of none":  {[]string{"status", "--name", "a"}, 1, "", "There is no such stack. Start one with: stack up\n"},
		"down":            {[]string{"down"}, 0, "", "There is no stack \"default\".\n"},
		"down of all":     {[]string{"down", "--all"}, 0, "", ""},
		"unknown program": {[]string{"build", "kubelet"}, 2, "", "stack: \"kubelet\" is nothing that the stack builds: choose among stack-supervisor, etcd, kube-apiserver, kube-controller-manager, kube-scheduler, kubectl, kwok, kwok-stages, pilot-discovery, istio-manifests, gateway-api, istioctl\n"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Setenv("XDG_CACHE_HOME", t.TempDir())
			var stdout, stderr bytes.Buffer
			code := exitCode(run(t.Context(), test.arguments, &stdout, &stderr), &stderr)
			assert.Equal(t, test.code, code)
			assert.Equal(t, test.stdout, stdout.String())
			assert.Equal(t, test.stderr, stderr.String())
		})
	}
}

func TestStatusTable(t *testing.T) {
	var stdout bytes.Buffer
	healthy := stack.Status{Name: "a", Flavour: stack.None, Kubeconfig: "/a/admin.kubeconfig", Started: time.Now().Add(-90 * time.Second)}
	require.NoError(t, printStatus([]stack.Status{healthy}, &stdout))
	assert.Equal(t, ""+
		"NAME   FLAVOUR   AGE     HEALTH   KUBECONFIG\n"+
		"a      none      1m30s   ready    /a/admin.kubeconfig\n", stdout.String())

	stdout.Reset()
	require.ErrorIs(t, printStatus([]stack.Status{healthy, {Name: "b", Problem: "its processes are gone"}}, &stdout), errUnwell)
	assert.Equal(t, ""+
		"NAME   FLAVOUR   AGE       HEALTH                   KUBECONFIG\n"+
		"a      none      1m30s     ready                    /a/admin.kubeconfig\n"+
		"b                unknown   its processes are gone   \n", stdout.String())
}
